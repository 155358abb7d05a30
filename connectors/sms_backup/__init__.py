"""Text messages and calls of an Android phone, from the XML files of the app "SMS Backup & Restore"."""
