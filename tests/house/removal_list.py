"""Every function and command that removes anything, each with why it takes nothing from what is held.

Whoever writes another one decides where it stands, and says so here; `tests/dispose/test_entry_points_of_removal.py`
compares these lists with the program and tries what is to be tried on a held record.
"""

INDEX = "the search index, which is made anew from the records"
OWN_FILES = "files that the same act began, and nobody counts on yet"
MACHINE = "the machine's own notes: cursors, leases, tasks that are done, temporary tables"
COPIES = "copies of the archive beside it, when their period is over or they were never finished"
SAMPLE = "the sample city of the demonstration"
DEVELOPER = "files of the source tree, when its generated parts are written anew"
TRIED = "tried on a held record: refused, or it stays as it was"

FUNCTIONS: dict[str, tuple[str, ...]] = {
    TRIED: (
        "archiver/accession/destroyed.py:bury",
        "archiver/accession/destroyed.py:sweep_parties",
        "archiver/accession/expunged.py:expunge_parts",
        "archiver/dispose/chunks.py:clear_pending",
        "archiver/dispose/destroy.py:destroy",
        "archiver/dispose/marks.py:forget",
        "archiver/index/texts.py:forget_texts",
        "archiver/retain/copies.py:name_official",
        "archiver/sources/registry.py:set_credential",
        "archiver/vault/erase.py:erase",
        "archiver/vault/erase.py:remove_objects",
        "archiver/vault/reseal.py:reseal_without",
        "archiver/vault/rotate.py:drop_older",
        "archiver/vault/sweep.py:sweep",
    ),
    "the one place where a file is removed by its name; only the three below call it": (
        "archiver/vault/objects.py:ObjectStore.remove",
    ),
    "what is left of a guard is compared at every opening; only migrations and loading a backup call these": (
        "schema/db/guards.py:install",
        "schema/db/guards.py:remove",
    ),
    INDEX: (
        "archiver/index/engines/fts5.py:Fts5Engine._rewrite",
        "archiver/index/engines/fts5.py:_forget_terms",
        "archiver/index/engines/fts5.py:_forget_values",
        "archiver/index/engines/fts5.py:_temporary_files_in",
        "archiver/index/engines/fts5_schema.py:empty",
        "archiver/index/engines/fts5_write.py:Writer.put",
        "archiver/index/engines/registry.py:discard",
        "archiver/index/engines/whoosh_store.py:Marker.save",
        "archiver/index/engines/whoosh_store.py:sweep",
        "archiver/index/opening.py:choose_engine",
        "archiver/index/rebuild.py:_remove_left",
        "archiver/index/rebuild.py:rebuild",
        "archiver/index/texts.py:write_texts",
    ),
    OWN_FILES: (
        "archiver/collect/sink.py:ObjectSink.discard",
        "archiver/dispose/bag.py:Bag.__enter__",
        "archiver/dispose/bag.py:Bag.__exit__",
        "archiver/dispose/bag.py:Bag.finish",
        "archiver/dispose/report.py:write_sheet",
        "archiver/dispose/transfer.py:send",
        "archiver/operate/backup.py:_Making.discard",
        "archiver/operate/backup_folder.py:put_in_place",
        "archiver/operate/backup_folder.py:write_durably",
        "archiver/operate/backup_objects.py:_keep",
        "archiver/operate/migrate.py:_copy",
        "archiver/operate/migrate.py:_copy_sqlite",
        "archiver/operate/restore.py:_unfinished",
        "archiver/operate/restore.py:restore_archive",
        "archiver/operate/restore_loading.py:_continue_numbers",
        "archiver/operate/restore_reading.py:Given.next_list",
        "archiver/operate/restore_reading.py:Given.note",
        "archiver/operate/rotation.py:_finish",
        "archiver/operate/rotation.py:point_config",
        "archiver/produce/building.py:build_production",
        "archiver/produce/writers/folder.py:PackageFolder.abandon",
        "archiver/produce/writers/folder.py:PackageFolder.begin",
        "archiver/produce/writers/folder.py:PackageFolder.finish",
        "archiver/produce/writers/volumes.py:Volumes._wait",
        "archiver/vault/keys.py:write_key_file",
        "archiver/vault/objects.py:ObjectStore.write",
    ),
    MACHINE: (
        "archiver/collect/captures.py:forget_cursor",
        "archiver/collect/captures.py:save_cursor",
        "archiver/collect/leases.py:_take",
        "archiver/collect/leases.py:leased",
        "archiver/collect/running.py:running_since",
        "archiver/database.py:Database.exclusive",
        "archiver/outbox.py:finish",
    ),
    COPIES: (
        "archiver/operate/backup_expiry.py:_remove",
        "archiver/operate/backup_folder.py:clear_unfinished",
        "archiver/operate/backup_folder.py:remove_folder",
        "archiver/operate/backup_objects.py:sweep",
    ),
    SAMPLE: ("archiver/demo/letters.py:change_mail", "archiver/demo/making.py:_prepare"),
    DEVELOPER: ("schema/wire/generate.py:run",),
}

READS = "reads"
ADDS = "adds facts, changes states, ends what it says; no key and no content goes"
LIFTS = "the official end of a hold, by a person with a reason; takes nothing itself"

COMMANDS: dict[str, tuple[str, ...]] = {
    READS: (
        "audit head", "audit log", "audit prove", "audit verify", "config check", "account list", "body list",
        "custodian list", "declaration list", "declaration show", "device list", "dispose due", "dispose list",
        "dispose report", "dispose show", "doctor", "hold list", "hold show", "index status", "jobs list", "jobs show",
        "person list", "produce verify", "record show", "request list", "request show", "schedule check",
        "schedule list", "schedule show", "schedule test", "search", "source connectors", "source list", "source show",
        "source test", "tag duplicates", "tag explain",
    ),
    ADDS: (
        "account add", "body add", "body member", "collect", "config decide", "custodian add", "declaration add",
        "declaration approve", "device add", "dispose answer", "dispose approve", "dispose certificate",
        "dispose clear", "dispose halt", "dispose paper", "dispose propose", "event record", "hold answer",
        "hold notice", "hold place", "init", "jobs cancel", "person add", "person passwd", "person role",
        "produce build", "request assign", "request candidates", "request file", "request note", "request open",
        "request search", "schedule adopt", "schedule amend", "schedule confirm", "schedule import", "schedule move",
        "source add", "tag official", "verify",
    ),
    LIFTS: ("hold lift", "request close"),
    SAMPLE: ("demo",),
    "runs the jobs of config.toml in the foreground: those that are tried here": ("scheduler",),
    TRIED: (
        "backup", "declaration withdraw", "dispose execute", "dispose expunge", "dispose receipt", "dispose transfer",
        "dispose withdraw", "event withdraw", "index rebuild", "index use", "key rotate", "nightly", "restore confirm",
        "restore from", "schedule supersede", "source remove", "tag apply", "tag set", "upgrade",
    ),
}  # fmt: skip
