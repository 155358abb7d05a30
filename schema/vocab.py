"""Every closed vocabulary of the archive, stored as text; values are only added, never renamed."""

from enum import StrEnum


class Platform(StrEnum):
    """Where content comes from."""

    EMAIL = "email"
    SMS = "sms"
    CALL_LOG = "call_log"
    FEED = "feed"
    WEBSITE = "website"
    NEWSLETTER = "newsletter"
    WIKI = "wiki"
    MASTODON = "mastodon"
    BLUESKY = "bluesky"
    FACEBOOK = "facebook"
    INSTAGRAM = "instagram"
    THREADS = "threads"
    X = "x"
    YOUTUBE = "youtube"
    LINKEDIN = "linkedin"
    PINTEREST = "pinterest"
    TIKTOK = "tiktok"
    TUMBLR = "tumblr"
    GOOGLE_PLUS = "google_plus"
    WORDPRESS = "wordpress"
    LEGISTAR = "legistar"
    IMESSAGE = "imessage"
    WHATSAPP = "whatsapp"
    SIGNAL = "signal"
    TELEGRAM = "telegram"
    SLACK = "slack"
    TEAMS = "teams"
    CAMERA = "camera"
    FILES = "files"
    OTHER = "other"


class Kind(StrEnum):
    """What a record is, whatever the platform calls it."""

    EMAIL = "email"
    MESSAGE = "message"
    CALL = "call"
    POST = "post"
    REPLY = "reply"
    REPOST = "repost"
    REACTION = "reaction"
    COMMENT = "comment"
    ARTICLE = "article"
    PAGE = "page"
    PHOTO = "photo"
    VIDEO = "video"
    FILE = "file"
    UNREADABLE = "unreadable"


class Visibility(StrEnum):
    """Who could see the item at its source."""

    PUBLIC = "public"
    UNLISTED = "unlisted"
    FOLLOWERS = "followers"
    DIRECT = "direct"
    PRIVATE = "private"
    UNKNOWN = "unknown"


class Direction(StrEnum):
    """Whether the account or device that was read sent the item or received it."""

    SENT = "sent"
    RECEIVED = "received"
    UNKNOWN = "unknown"


class Precision(StrEnum):
    """How exactly a time is known."""

    SECOND = "second"
    MINUTE = "minute"
    DAY = "day"
    UNKNOWN = "unknown"


class PartyRole(StrEnum):
    """What a party does in a record."""

    AUTHOR = "author"
    TO = "to"
    CC = "cc"
    BCC = "bcc"
    PARTICIPANT = "participant"
    MENTIONED = "mentioned"


class AddressKind(StrEnum):
    """How a party's address is written."""

    PHONE = "phone"
    EMAIL = "email"
    HANDLE = "handle"
    NAME = "name"


class ComponentRole(StrEnum):
    """A part of a version."""

    BODY = "body"
    ATTACHMENT = "attachment"
    RAW = "raw"


class ObservationKind(StrEnum):
    """A dated fact about a record at its source."""

    SEEN = "seen"
    EDITED = "edited"
    HIDDEN = "hidden"
    UNHIDDEN = "unhidden"
    MISSING = "missing"
    GONE = "gone"


class Ownership(StrEnum):
    """Whose an account or device is; merged: personal, but used for city business."""

    CITY = "city"
    PERSONAL = "personal"
    MERGED = "merged"


class Role(StrEnum):
    """What a person may do."""

    ADMINISTRATOR = "administrator"
    CLERK = "clerk"
    RECORDS_OFFICER = "records_officer"
    DEPARTMENT_REVIEWER = "department_reviewer"
    MODERATOR = "moderator"
    CUSTODIAN = "custodian"
    ATTORNEY = "attorney"
    AUDITOR = "auditor"
    HR_INVESTIGATOR = "hr_investigator"


class CustodianKind(StrEnum):
    """In what capacity government data lie in someone's hands."""

    EMPLOYEE = "employee"
    ELECTED = "elected"
    CONTRACTOR = "contractor"
    VOLUNTEER = "volunteer"


class DeviceKind(StrEnum):
    """What a device is."""

    PHONE = "phone"
    COMPUTER = "computer"
    DRIVE = "drive"
    CAMERA = "camera"


class DeclarationState(StrEnum):
    """Where a declaration stands; only an approved one lets anything be collected."""

    PENDING = "pending"
    APPROVED = "approved"
    WITHDRAWN = "withdrawn"


class Outcome(StrEnum):
    """How a run ended."""

    OK = "ok"
    WARNINGS = "warnings"
    PARTIAL = "partial"
    FAILED = "failed"
    REFUSED = "refused"


class OwnerKind(StrEnum):
    """What a data key belongs to."""

    RECORD = "record"
    REQUEST = "request"
    DECLARATION = "declaration"
    SUBMISSION = "submission"
    BATCH = "batch"
    CREDENTIAL = "credential"
    EVENT = "event"
    HOLD = "hold"
    PRODUCTION = "production"
    SYSTEM = "system"
    DISPOSITION = "disposition"
    CERTIFICATE = "certificate"
    RESTORE = "restore"


class PeriodKind(StrEnum):
    """What ends a retention period."""

    DURATION = "duration"
    UNTIL_EVENT = "until_event"
    UNTIL_SUPERSEDED = "until_superseded"
    UNTIL_OBSOLETE = "until_obsolete"
    UNTIL_READ = "until_read"
    PERMANENT = "permanent"
    UNKNOWN = "unknown"


class PeriodUnit(StrEnum):
    """The unit of a retention period or a deadline; only deadlines count business days."""

    BUSINESS_DAY = "business_day"
    DAY = "day"
    MONTH = "month"
    YEAR = "year"
    FISCAL_YEAR = "fiscal_year"
    CALENDAR_YEAR = "calendar_year"
    ANNIVERSARY_YEAR = "anniversary_year"


class Trigger(StrEnum):
    """The event that starts a retention period."""

    CREATED = "created"
    RECEIVED_OR_SENT = "received_or_sent"
    LAST_CHANGED = "last_changed"
    ACTION_COMPLETED = "action_completed"
    SUPERSEDED = "superseded"
    FISCAL_YEAR_END = "fiscal_year_end"
    CALENDAR_YEAR_END = "calendar_year_end"
    SEPARATION = "separation"
    CASE_CLOSED = "case_closed"
    RESOLVED = "resolved"
    REMOVED_FROM_PUBLIC_VIEW = "removed_from_public_view"
    VOLUNTEER_PERIOD_END = "volunteer_period_end"
    NONE = "none"


class DispositionAction(StrEnum):
    """What the schedule orders when a record is due."""

    DESTROY = "destroy"
    DESTROY_NOT_PUBLIC_SECURELY = "destroy_not_public_securely"
    TRANSFER_ARCHIVES = "transfer_archives"
    TRANSFER_ARCHIVES_FOR_APPRAISAL = "transfer_archives_for_appraisal"
    RETAIN = "retain"
    REVIEW = "review"


class HoldKind(StrEnum):
    """Why disposition is suspended."""

    REQUEST = "request"
    CLOSED_REQUEST = "closed_request"
    LITIGATION = "litigation"
    AUDIT = "audit"
    INVESTIGATION = "investigation"
    PERSONNEL = "personnel"
    COURT = "court"
    STATE_WIDE = "state_wide"
    HALT = "halt"


class HoldState(StrEnum):
    """Where a hold stands; every state but lifted stops destruction."""

    PLACING = "placing"
    ACTIVE = "active"
    LIFTED = "lifted"


class HoldScope(StrEnum):
    """How a hold names what it covers: everything until the search is done, its members, or whoever joins them too."""

    PRELIMINARY = "preliminary"
    MEMBERS = "members"
    STANDING = "standing"


class DataClass(StrEnum):
    """Who may see data; the union of the classes of all jurisdictions (Minn. Stat. 13.02)."""

    UNCLASSIFIED = "unclassified"
    PUBLIC = "public"
    PRIVATE = "private"
    CONFIDENTIAL = "confidential"
    NONPUBLIC = "nonpublic"
    PROTECTED_NONPUBLIC = "protected_nonpublic"
    CLOSED = "closed"
    EXEMPT = "exempt"


class RequestKind(StrEnum):
    """Who asks: anyone for public data, or a subject for data about himself (Minn. Stat. 13.03, 13.04)."""

    PUBLIC = "public"
    SUBJECT = "subject"


class RequestState(StrEnum):
    """Where a request stands."""

    OPEN = "open"
    CLOSED = "closed"


class ArchiveInvolved(StrEnum):
    """Whether the archive may hold something that was asked for."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Nature(StrEnum):
    """Whether the law or the city set a date."""

    LAW = "law"
    CITY_TARGET = "city_target"


class PayloadForm(StrEnum):
    """Where sealed bytes lie."""

    ROW = "row"
    OBJECT = "object"


class DerivationKind(StrEnum):
    """What was derived from an owner's content and goes with it."""

    TEXT = "text"
    THUMBNAIL = "thumbnail"
    RENDERING = "rendering"


class OutboxKind(StrEnum):
    """What a later room has to do because of a committed change."""

    INDEX = "index"
    REMOVE = "remove"


class JobState(StrEnum):
    """Where a firing of a job stands."""

    RUNNING = "running"
    OK = "ok"
    WARNINGS = "warnings"
    FAILED = "failed"
    CANCELLED = "cancelled"
