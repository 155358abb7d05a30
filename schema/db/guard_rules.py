"""What the database itself refuses, and why: the conditions of its triggers (decision 8)."""

_HELD = """(
    NOT EXISTS (SELECT 1 FROM disposition_record dr JOIN disposition d ON d.id = dr.disposition_id
                JOIN record r ON r.id = dr.record_id
                WHERE dr.record_id = {record} AND d.state = 'executing' AND dr.left_at IS NULL
                  AND (dr.answer IS NULL OR dr.answer <> 'retain')
                  AND (d.kind = 'expunge'
                       OR EXISTS (SELECT 1 FROM retention_tag t WHERE t.record_id = dr.record_id AND t.ended_at IS NULL
                                  AND t.series_id = d.series_id AND t.due_on <= d.due_until))
                  AND NOT EXISTS (
                      SELECT 1 FROM hold h WHERE h.state = 'active' AND h.scope = 'preliminary'
                      AND (r.sent_at IS NULL OR ((h.sent_since IS NULL OR r.sent_at >= h.sent_since)
                                             AND (h.sent_until IS NULL OR r.sent_at < h.sent_until)))
                      AND (NOT EXISTS (SELECT 1 FROM hold_source s WHERE s.hold_id = h.id)
                           OR EXISTS (SELECT 1 FROM hold_source s WHERE s.hold_id = h.id AND s.source_id = r.source_id))
                      AND NOT EXISTS (SELECT 1 FROM hold_clearance c
                                      WHERE c.hold_id = h.id AND c.disposition_id = d.id)))
 OR EXISTS (SELECT 1 FROM hold_member m JOIN hold h ON h.id = m.hold_id
            WHERE m.record_id = {record} AND h.state <> 'lifted')
 OR EXISTS (SELECT 1 FROM hold h WHERE h.state = 'placing')
 OR EXISTS (SELECT 1 FROM restore o WHERE o.confirmed_at IS NULL)
 OR EXISTS (SELECT 1 FROM record r JOIN hold h ON h.evaluated_to < r.changed_at
            WHERE r.id = {record} AND h.state = 'active')
)"""
"""A record's content may not go: not in an executing batch of due records (or answered "retain"), held, changed since
standing holds were evaluated, or in a restored archive that nobody confirmed."""


_LIVING = "(SELECT r.destroyed_at FROM record r WHERE r.id = {record}) IS NULL"
"""A record was not destroyed; guards of what belongs to it ask this, after the record's own guard was asked.

`destroyed_at` is set only where `_HELD` allows it, once, so keys and payloads of that record need no second look.
"""


_DISPOSABLE = "('credential', 'batch', 'submission')"
"""Owners whose keys are the machine's own and may go when their work is done."""

_NEWER_KEY = """EXISTS (SELECT 1 FROM owner_key k WHERE k.owner_kind = OLD.owner_kind AND k.owner_id = OLD.owner_id
                    AND k.master_id > OLD.master_id)"""


def _keeps(owner_kind: str, record: str) -> str:
    return f"""CASE WHEN {owner_kind} IN {_DISPOSABLE} THEN FALSE
                    WHEN {owner_kind} = 'record' THEN {_LIVING.format(record=record)} AND {_HELD.format(record=record)}
                    ELSE TRUE END"""


_EVENT_SAME = " AND ".join(
    f"NEW.{column} {{same}} OLD.{column}"
    for column in (
        "id", "at", "actor_id", "act", "object_kind", "object_id", "outcome", "facts", "text_digest",
        "text_payload_id", "leaf",
    )
)  # fmt: skip

_NOT_SAME_EVENT = f"NOT (OLD.position IS NULL AND NEW.position IS NOT NULL AND {_EVENT_SAME})"

_STEPS = {
    "proposed": ("approved", "withdrawn"),
    "approved": ("executing", "withdrawn", "proven"),
    "executing": ("destroyed", "halted", "withdrawn"),
    "halted": ("executing", "withdrawn"),
    "destroyed": ("proven",),
    "proven": ("certified",),
}
"""Which state of a disposition may follow which; an executing one may halt and go on."""

_FOLLOWS = " OR ".join(
    f"(OLD.state = '{before}' AND NEW.state IN ({', '.join(repr(one) for one in after)}))"
    for before, after in _STEPS.items()
)

_WRONG_STEP = """OLD.state IN ('certified', 'withdrawn')
    OR NEW.id <> OLD.id OR NEW.kind <> OLD.kind OR NEW.series_id <> OLD.series_id
    OR NEW.proposed_by <> OLD.proposed_by OR NEW.due_until {differs} OLD.due_until
    OR (NEW.state <> OLD.state AND NOT ({follows}))
    OR (OLD.state <> 'proposed' AND (NEW.approved_by {differs} OLD.approved_by
        OR NEW.approved_at {differs} OLD.approved_at OR NEW.list_digest {differs} OLD.list_digest
        OR NEW.schedule_digest {differs} OLD.schedule_digest OR NEW.executable_on {differs} OLD.executable_on))
    OR (OLD.state = 'executing' AND NEW.state = 'destroyed' AND NEW.kind <> 'expunge'
        AND EXISTS (SELECT 1 FROM disposition_record w WHERE w.disposition_id = NEW.id
                    AND w.destroyed_at IS NULL AND w.left_at IS NULL))
    OR (OLD.state = 'proven' AND NEW.state = 'certified'
        AND NOT EXISTS (SELECT 1 FROM certificate c WHERE c.disposition_id = NEW.id AND c.number = NEW.certificate))
    OR (NEW.state = 'approved' AND OLD.state = 'proposed'
        AND (NEW.approved_by IS NULL OR NEW.approved_by = NEW.proposed_by
             OR NOT EXISTS (SELECT 1 FROM disposition_approval a
                            WHERE a.disposition_id = NEW.id AND a.person_id = NEW.approved_by)))
    OR (OLD.state IN ('executing', 'halted') AND NEW.state = 'withdrawn'
        AND EXISTS (SELECT 1 FROM disposition_record r WHERE r.disposition_id = NEW.id AND r.destroyed_at IS NOT NULL))
    OR (OLD.state = 'approved' AND NEW.state = 'proven' AND NEW.kind <> 'transfer')
    OR (NEW.kind = 'transfer' AND NEW.state IN ('executing', 'proven') AND OLD.state = 'approved'
        AND NOT EXISTS (SELECT 1 FROM transfer t WHERE t.disposition_id = NEW.id
                        AND t.receipted_at IS NOT NULL
                        AND t.keeps_copy = (NEW.state = 'proven')))""".replace("{follows}", _FOLLOWS)

_UNDECIDED = """NEW.disposition_id <> OLD.disposition_id OR NEW.record_id <> OLD.record_id
    OR (OLD.left_at IS NOT NULL AND NEW.left_at IS NULL)
    OR (OLD.answer = 'retain' AND NEW.answer {differs} 'retain')
    OR (OLD.destroyed_at IS NOT NULL AND NEW.destroyed_at {differs} OLD.destroyed_at)
    OR ((NEW.due_on {differs} OLD.due_on OR NEW.changed_at {differs} OLD.changed_at)
        AND (SELECT state FROM disposition WHERE id = OLD.disposition_id) <> 'proposed')
    OR (NEW.destroyed_at {differs} OLD.destroyed_at AND {living})""".replace(
    "{living}", _LIVING.format(record="OLD.record_id")
)

GUARDS: tuple[tuple[str, str, str, str, str], ...] = (
    # name, table, act, condition under which it is refused, message
    ("audit_delete", "audit_event", "DELETE", "TRUE", "audit events are never deleted"),
    ("audit_update", "audit_event", "UPDATE", _NOT_SAME_EVENT, "audit events are never changed"),
    ("head_delete", "audit_head", "DELETE", "TRUE", "signed heads are never deleted"),
    ("head_update", "audit_head", "UPDATE", "TRUE", "signed heads are never changed"),
    ("record_delete", "record", "DELETE", "TRUE", "a record row is never deleted"),
    (
        "record_update",
        "record",
        "UPDATE",
        # a preliminary hold is limited by times sent; an unknown time is held by all of them
        "NEW.id <> OLD.id OR NEW.native_key <> OLD.native_key OR NEW.source_id <> OLD.source_id"
        " OR (NEW.sent_at IS NOT NULL AND NEW.sent_at {differs} OLD.sent_at)",
        "the identity of a record never changes",
    ),
    (
        "record_destroyed",
        "record",
        "UPDATE",
        "NEW.destroyed_at {differs} OLD.destroyed_at AND (OLD.destroyed_at IS NOT NULL OR "
        + _HELD.format(record="OLD.id")
        + ")",
        "a record that is held or not in an approved batch is not destroyed",
    ),
    ("version_delete", "version", "DELETE", "TRUE", "a version row is never deleted"),
    (
        "version_update",
        "version",
        "UPDATE",
        "NEW.id <> OLD.id OR NEW.record_id <> OLD.record_id OR NEW.number <> OLD.number OR NEW.digest <> OLD.digest"
        " OR ((NEW.match {differs} OLD.match OR NEW.mark {differs} OLD.mark)"
        " AND (NEW.match IS NOT NULL OR NEW.mark IS NOT NULL OR " + _LIVING.format(record="OLD.record_id") + "))",
        "a version never changes",
    ),
    ("component_delete", "component", "DELETE", "TRUE", "a component row is never deleted"),
    ("component_update", "component", "UPDATE", "TRUE", "a component never changes"),
    ("observation_delete", "observation", "DELETE", "TRUE", "an observation is never deleted"),
    ("observation_update", "observation", "UPDATE", "TRUE", "an observation never changes"),
    (
        "record_party_delete",
        "record_party",
        "DELETE",
        _LIVING.format(record="OLD.record_id"),
        "the parties of a living record are not removed",
    ),
    ("record_party_update", "record_party", "UPDATE", "TRUE", "the parties of a record never change"),
    (
        "party_delete",
        "party",
        "DELETE",
        "EXISTS (SELECT 1 FROM record_party p WHERE p.party_id = OLD.id)",
        "a party of a living record is not removed",
    ),
    ("tag_delete", "retention_tag", "DELETE", "TRUE", "a retention tag is ended, never deleted"),
    ("tombstone_delete", "tombstone", "DELETE", "TRUE", "a tombstone is never deleted"),
    (
        "tombstone_update",
        "tombstone",
        "UPDATE",
        "NEW.record_id <> OLD.record_id OR NEW.native_key <> OLD.native_key OR NEW.digest <> OLD.digest"
        " OR NEW.series_id <> OLD.series_id OR NEW.destroyed_at <> OLD.destroyed_at"
        " OR (OLD.certificate IS NOT NULL AND NEW.certificate {differs} OLD.certificate)",
        "a tombstone never changes",
    ),
    ("expunged_delete", "expunged_component", "DELETE", "TRUE", "what was expunged stays expunged"),
    ("expunged_update", "expunged_component", "UPDATE", "TRUE", "what was expunged stays expunged"),
    (
        "expunged_insert",
        "expunged_component",
        "INSERT",
        "NOT EXISTS (SELECT 1 FROM disposition_record dr JOIN disposition d ON d.id = dr.disposition_id"
        " WHERE dr.record_id = NEW.record_id AND d.id = NEW.disposition_id AND d.kind = 'expunge'"
        " AND d.state = 'executing')",
        "a part is expunged only under an order that a second person approved",
    ),
    ("key_update", "owner_key", "UPDATE", "TRUE", "a data key is never changed"),
    (
        "key_delete",
        "owner_key",
        "DELETE",
        f"NOT {_NEWER_KEY} AND {_keeps('OLD.owner_kind', 'OLD.owner_id')}",
        "the key of a record that is held or not in an approved batch is not destroyed",
    ),
    ("payload_update", "payload", "UPDATE", "TRUE", "sealed content is never changed"),
    (
        "payload_delete",
        "payload",
        "DELETE",
        _keeps("OLD.owner_kind", "OLD.owner_id"),
        "the content of a record that is held or not in an approved batch is not destroyed",
    ),
    ("hold_delete", "hold", "DELETE", "TRUE", "a hold is lifted, never deleted"),
    (
        "hold_update",
        "hold",
        "UPDATE",
        "NEW.id <> OLD.id OR OLD.state = 'lifted' OR (NEW.state = 'lifted' AND NEW.lifted_at IS NULL)"
        # back to `placing`, it could be narrowed there
        " OR (OLD.state = 'active' AND (NEW.state = 'placing' OR NEW.sent_since {differs} OLD.sent_since"
        " OR NEW.sent_until {differs} OLD.sent_until OR (OLD.scope <> 'preliminary' AND NEW.scope <> OLD.scope)"
        " OR (OLD.evaluated_to IS NOT NULL AND NEW.evaluated_to IS NULL)))",
        "a hold in force is not narrowed; lift it with a reason",
    ),
    (
        "hold_source_insert",
        "hold_source",
        "INSERT",
        "COALESCE((SELECT state FROM hold WHERE id = NEW.hold_id), '') <> 'placing'",
        "a hold in force is not narrowed; lift it with a reason",
    ),
    (
        "hold_source_delete",
        "hold_source",
        "DELETE",
        "(SELECT state FROM hold WHERE id = OLD.hold_id) = 'active'",
        "a hold in force is not narrowed; lift it with a reason",
    ),
    ("hold_source_update", "hold_source", "UPDATE", "TRUE", "the sources of a hold are never changed"),
    (
        "hold_member_delete",
        "hold_member",
        "DELETE",
        "(SELECT state FROM hold WHERE id = OLD.hold_id) <> 'lifted'",
        "a record leaves a hold only when the hold is lifted",
    ),
    ("hold_member_update", "hold_member", "UPDATE", "TRUE", "members of a hold are never changed"),
    (
        "disposition_insert",
        "disposition",
        "INSERT",
        "NEW.state <> 'proposed'",
        "a disposition begins as a proposal",
    ),
    ("disposition_delete", "disposition", "DELETE", "TRUE", "a disposition is withdrawn, never deleted"),
    (
        "disposition_update",
        "disposition",
        "UPDATE",
        _WRONG_STEP,
        "a disposition goes from proposal to certificate, each step by its own act",
    ),
    (
        "disposition_record_insert",
        "disposition_record",
        "INSERT",
        "COALESCE((SELECT state FROM disposition WHERE id = NEW.disposition_id), '') <> 'proposed'"
        " OR EXISTS (SELECT 1 FROM disposition_approval a WHERE a.disposition_id = NEW.disposition_id)",
        "the list of a disposition is frozen by its approval",
    ),
    ("disposition_record_delete", "disposition_record", "DELETE", "TRUE", "a record leaves a disposition by a mark"),
    (
        "disposition_record_update",
        "disposition_record",
        "UPDATE",
        _UNDECIDED,
        "what was decided of a record in a disposition stands",
    ),
    ("approval_delete", "disposition_approval", "DELETE", "TRUE", "an approval is never deleted"),
    ("approval_update", "disposition_approval", "UPDATE", "TRUE", "an approval never changes"),
    (
        "approval_insert",
        "disposition_approval",
        "INSERT",
        "NOT EXISTS (SELECT 1 FROM disposition d WHERE d.id = NEW.disposition_id AND d.state = 'proposed'"
        " AND d.proposed_by <> NEW.person_id)",
        "who proposes never approves, and only a proposal is approved",
    ),
    ("clearance_delete", "hold_clearance", "DELETE", "TRUE", "a clearance is never deleted"),
    ("clearance_update", "hold_clearance", "UPDATE", "TRUE", "a clearance never changes"),
    (
        "transfer_insert",
        "transfer",
        "INSERT",
        "NEW.accepted_at IS NOT NULL OR NEW.sent_at IS NOT NULL OR NEW.receipted_at IS NOT NULL",
        "a transfer begins with an offer",
    ),
    ("transfer_delete", "transfer", "DELETE", "TRUE", "a transfer is never deleted"),
    (
        "transfer_update",
        "transfer",
        "UPDATE",
        "OLD.receipted_at IS NOT NULL OR NEW.disposition_id <> OLD.disposition_id"
        " OR (OLD.accepted_at IS NOT NULL AND (NEW.recipient <> OLD.recipient OR NEW.keeps_copy <> OLD.keeps_copy"
        " OR NEW.accepted_at {differs} OLD.accepted_at))"
        " OR (NEW.sent_at IS NOT NULL AND NEW.accepted_at IS NULL)"
        " OR (NEW.receipted_at IS NOT NULL AND NEW.sent_at IS NULL)",
        "a transfer goes from offer over acceptance and sending to receipt",
    ),
    (
        "certificate_insert",
        "certificate",
        "INSERT",
        "NEW.disposition_id IS NOT NULL"
        " AND COALESCE((SELECT state FROM disposition WHERE id = NEW.disposition_id), '') <> 'proven'",
        "a certificate is issued only when everything is proven",
    ),
    ("certificate_delete", "certificate", "DELETE", "TRUE", "a certificate is never deleted"),
    ("certificate_update", "certificate", "UPDATE", "TRUE", "a certificate never changes"),
    ("restore_delete", "restore", "DELETE", "TRUE", "a restore is confirmed, never deleted"),
    (
        "restore_update",
        "restore",
        "UPDATE",
        "OLD.confirmed_at IS NOT NULL OR NEW.confirmed_by IS NULL",
        "a restore is confirmed once, by a person",
    ),
)

NO_TRUNCATE = (
    "audit_event", "audit_head", "record", "version", "component", "tombstone", "owner_key", "payload", "hold",
    "hold_source", "hold_member", "disposition", "disposition_record", "disposition_approval", "hold_clearance",
    "certificate", "restore", "transfer", "expunged_component", "retention_tag", "observation", "record_party", "party",
)  # fmt: skip
