"""Retention: adopted schedules, series and tags of records, due dates, events and hold membership."""
