"""Closed vocabularies of holds' notices and of disposition, stored as text; values are only added, never renamed."""

from enum import StrEnum


class DispositionState(StrEnum):
    """Where a disposition stands; destroyed: everything is gone, the proof is still to come."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    EXECUTING = "executing"
    DESTROYED = "destroyed"
    PROVEN = "proven"
    CERTIFIED = "certified"
    HALTED = "halted"
    WITHDRAWN = "withdrawn"


class DispositionKind(StrEnum):
    """What a disposition does with its records."""

    DESTROY = "destroy"
    TRANSFER = "transfer"
    EXPUNGE = "expunge"


class DispositionAnswer(StrEnum):
    """What a department says of a record that is due; retain always wins."""

    DESTROY = "destroy"
    RETAIN = "retain"


class ExceptionReason(StrEnum):
    """Why a record is not, or no longer, in a disposition."""

    HELD = "held"
    REQUEST_NOT_SEARCHED = "request_not_searched"
    RETAINED = "retained"
    CHANGED = "changed"
    HOLD_LIFTED_TODAY = "hold_lifted_today"
    HELD_SINCE_APPROVAL = "held_since_approval"
    HOLD_LIFTED = "hold_lifted"
    THREAD_NOT_DUE = "thread_not_due"
    NOT_DUE = "not_due"
    SERIES_CHANGED = "series_changed"
    IN_OTHER_DISPOSITION = "in_other_disposition"
    NOT_EVALUATED = "not_evaluated"
    DESTROYED_EARLIER = "destroyed_earlier"


class ProofLevel(StrEnum):
    """How far a destruction is proven: bytes searched everywhere, or keys destroyed and the master rotated."""

    BYTES = "bytes"
    KEYS = "keys"


class CertificateKind(StrEnum):
    """What a certificate states."""

    DESTRUCTION = "destruction"
    TRANSFER = "transfer"
    EXPUNGEMENT = "expungement"


class NoticeAnswer(StrEnum):
    """What a custodian answers to a hold's notice, for each device or account."""

    DELETION_OFF = "deletion_off"
    NO_AUTOMATIC_DELETION = "no_automatic_deletion"
    NOTHING_ON_IT = "nothing_on_it"
    ALREADY_LOST = "already_lost"
    REFUSED = "refused"
