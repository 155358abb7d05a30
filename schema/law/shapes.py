"""Law as data: shapes of a jurisdiction's rules and of retention schedules; a field's name is its key in the TOML file.

Every entry carries `source` (public pages) and `verified`: True means that the source says so. What is not verified
is general knowledge, and never drives a date, a fee or a destruction until the city attorney or clerk confirms it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from schema.vocab import DataClass, DispositionAction, PeriodKind, PeriodUnit, Trigger

AppliesTo = Literal[
    "public_data",
    "public_records",
    "agency_records",
    "copy_request",
    "data_subject",
    "data_subject_challenge",
    "denial_statement_request",
]
ClockBasis = Literal[
    "received",
    "received_by_custodian",
    "received_by_responsible_authority_or_designee",
    "received_by_proper_component_max_10_days_after_any_component",
    "date_of_request",
    "date_private_data_was_shown_and_explained",
    "written_challenge_received",
    "statement_requested",
]
FeeBasis = Literal[
    "free",
    "per_page_max",
    "hourly_max",
    "actual_cost",
    "reasonable",
    "market",
    "schedule_max",
    "direct_cost_of_duplication",
]
Weekday = Literal["MO", "TU", "WE", "TH", "FR", "SA", "SU"]


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Who may see data of one class."""

    data_class: DataClass
    may_see: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deadline:
    """What the law (nature fixed: a number; standard: words only) asks for after an event.

    target_number, target_unit: a usual city policy where the law has no number; never law.
    extension_number: the longest lawful extension, in extension_unit.  extension: its rule where it has no number.
    roll_last_day_if_nonbusiness: a last day that is no business day moves on; ignored unless roll_verified.
    """

    id: str
    applies_to: AppliesTo
    action: str
    nature: Literal["fixed", "standard"]
    statute: str
    source: tuple[str, ...]
    verified: bool = False
    clock_basis: ClockBasis | None = None
    number: int | None = None
    unit: PeriodUnit | None = None
    immediately_if_possible: bool = False
    standard: str | None = None
    target_number: int | None = None
    target_unit: PeriodUnit | None = None
    target_is_policy: bool = False
    extension_number: int | None = None
    extension_unit: PeriodUnit | None = None
    extension_condition: str | None = None
    extension_notice_required: bool = False
    extension: str | None = None
    tolling: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    not_needed_if: str | None = None
    roll_last_day_if_nonbusiness: Literal["next_business_day"] | None = None
    roll_verified: bool = True


@dataclass(frozen=True, slots=True)
class Denial:
    """What a denial must say, and how."""

    statute: str
    source: tuple[str, ...]
    verified: bool = False
    must_cite_specific_law: bool | None = None
    inform_requester: str | None = None
    written: Literal["always"] | None = None
    written_certification: Literal["upon_request"] | None = None
    withheld_index: Literal["upon_request"] | None = None
    item_level_log_required: bool | None = None
    log_fields: tuple[str, ...] = ()
    names_and_titles_of_responsible_persons: bool | None = None


@dataclass(frozen=True, slots=True)
class ClosedRequest:
    """How long what a closed request touched stays held: number of unit after closing, where applies_if is so."""

    applies_if: Literal["denied_or_withheld"]
    number: int
    unit: PeriodUnit
    reason: str
    statute: str
    source: tuple[str, ...]
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Disposal:
    """What the law asks for when records are destroyed."""

    source: tuple[str, ...]
    verified: bool = False
    statute: str | None = None
    not_public_destroyed_so_contents_undeterminable: bool | None = None
    list_of_destroyed_required: bool | None = None
    list_retention: str | None = None
    record_fields: tuple[str, ...] = ()
    report_to: str | None = None
    approver: str | None = None
    blocked_by: tuple[str, ...] = ()
    archival_designations: tuple[str, ...] = ()
    unscheduled_records_need: str | None = None
    unscheduled_form: str | None = None
    early_destruction_form: str | None = None
    convenience_copies_reported: bool | None = None


@dataclass(frozen=True, slots=True)
class Fee:
    """What may be charged; amounts in cents, the most that the law allows."""

    id: str
    basis: FeeBasis
    statute: str
    source: tuple[str, ...]
    verified: bool = False
    applies_to: str | None = None
    condition: str | None = None
    amount_cents: int | None = None
    per: str | None = None
    max_pages: int | None = None
    two_sided_extra_cents: int | None = None
    certified_copy_max_cents: int | None = None
    paper_cents_per_page: int | None = None
    scan_cents_per_page: int | None = None
    electronic_cents_per_4_files: int | None = None
    transmit_cents_per_gigabyte: int | None = None
    deposit_max_percent: int | None = None
    inspection_free: bool | None = None
    labor_chargeable: bool | None = None
    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    cap: str | None = None
    may_require_prepayment: bool | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class MessageCopyRule:
    """When a member's message to colleagues must be copied to the clerk (RSMo 610.025); rule: for a programmer."""

    statute: str
    text: str
    rule: str
    on_hit: Literal["flag"]
    source: tuple[str, ...]
    verified: bool = False


@dataclass(frozen=True, slots=True)
class PersonalAccounts:
    """What an employer may not do about an employee's personal account."""

    employer_may_not: tuple[str, ...]
    statute: str
    source: tuple[str, ...]
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are no business days, apart from the holidays; covers all holidays of its jurisdiction.

    shift_sunday, shift_saturday: where a holiday with `shift` goes that falls on one.
    shift_saturday_is_practice: the Saturday shift is custom, not law; shift_saturday_option names the city's choice.
    """

    weekend: tuple[Weekday, ...]
    source: tuple[str, ...]
    verified: bool = False
    statute: str | None = None
    roll_last_day_if_nonbusiness: Literal["next_business_day"] | None = None
    shift_sunday: Literal["next_monday"] | None = None
    shift_saturday: Literal["previous_friday"] | None = None
    shift_saturday_is_practice: bool = False
    shift_saturday_option: str | None = None


@dataclass(frozen=True, slots=True)
class Holiday:
    """A legal holiday: an RFC 5545 rule with one day a year, then offset_days later.

    from_year, until_year: first and last year of the law, both included, None without limit.
    local_option: each city decides whether it is a holiday; local_default until it has.
    """

    name: str
    rrule: str
    shift: bool = False
    offset_days: int = 0
    from_year: int | None = None
    until_year: int | None = None
    local_option: bool = False
    local_default: bool = True


@dataclass(frozen=True, slots=True)
class Exemption:
    """A legal basis for withholding: code is what the clerk picks, statute what the denial prints.

    class_individual, class_not_individual: the class of data on individuals and of other data (Minn. Stat. 13.02).
    release_by: parties who may make it public.  until: the event that ends it.  detect: what a suggestion may look for.
    """

    code: str
    statute: str
    title: str
    source: tuple[str, ...]
    verified: bool = False
    class_verified: bool = True
    data_class: DataClass | None = None
    class_individual: DataClass | None = None
    class_not_individual: DataClass | None = None
    withhold_reason_kind: Literal["out_of_scope"] | None = None
    release_by: tuple[str, ...] = ()
    until: str | None = None
    detect: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """One state's law on data requests, as of `edition`: the day (YYYY-MM-DD) on which this data was last changed.

    classes, default_class: in the law's own words.  class_terms: the archive's class for each of those words.
    class_map: the class of data not on individuals for each class of data on individuals.
    """

    id: str
    edition: str
    name: str
    law: str
    citation: str
    default_class: str
    source: tuple[str, ...] = ()
    verified: bool = False
    record_term: str | None = None
    requester_identity_required: bool | None = None
    requester_reason_may_be_asked: bool | None = None
    identity_required_for: tuple[str, ...] = ()
    ask_purpose: Literal["commercial_or_noncommercial"] | None = None
    classes: tuple[str, ...] = ()
    classes_individual: tuple[DataClass, ...] = ()
    classes_not_individual: tuple[DataClass, ...] = ()
    class_terms: Mapping[str, DataClass] = field(default_factory=lambda: MappingProxyType({}))
    class_map: Mapping[str, DataClass] = field(default_factory=lambda: MappingProxyType({}))
    access: tuple[AccessRule, ...] = ()
    deadlines: tuple[Deadline, ...] = ()
    denial: Denial | None = None
    closed_request: ClosedRequest | None = None
    disposal: Disposal | None = None
    fees: tuple[Fee, ...] = ()
    message_copy_rule: MessageCopyRule | None = None
    personal_accounts: PersonalAccounts | None = None
    calendar: Calendar | None = None
    holidays: tuple[Holiday, ...] = ()
    exemptions: tuple[Exemption, ...] = ()

    def deadline(self, rule_id: str) -> Deadline:
        """The rule of that id; LookupError where this law has none."""
        for rule in self.deadlines:
            if rule.id == rule_id:
                return rule
        known = ", ".join(rule.id for rule in self.deadlines)
        raise LookupError(f"{self.name} has no rule {rule_id!r}; there are: {known}")


@dataclass(frozen=True, slots=True)
class SeriesRule:
    """A class of records and the rule that ends its keeping; periods are minimum periods.

    key: unique within its edition: the code, or the title in lower case with hyphens where the code is not known.
    verified: the source shows title and period.  title_verified, period_verified, trigger_verified and
    disposition_verified: as `verified` where the file does not say otherwise.  code_verified: it shows the code.
    alternative: another end of the period that a person must weigh.  trigger_or: further events; the latest one counts.
    """

    key: str
    code: str
    title: str
    period_kind: PeriodKind
    disposition: DispositionAction
    source: tuple[str, ...]
    verified: bool
    code_verified: bool
    title_verified: bool
    period_verified: bool
    trigger_verified: bool
    disposition_verified: bool
    trigger: Trigger = Trigger.NONE
    description: str | None = None
    retention_text: str = ""
    number: int | None = None
    unit: PeriodUnit | None = None
    alternative: str | None = None
    trigger_or: tuple[Trigger, ...] = ()
    trigger_note: str | None = None
    classification: str | None = None
    statute: str | None = None
    minimum_metadata: tuple[str, ...] = ()
    designation: str | None = None
    archival_note: str | None = None
    belongs_to: str | None = None
    hint: str | None = None
    note: str | None = None

    @property
    def confirmed(self) -> bool:
        """Never here: a records officer confirms the city's adopted copy, not the published data."""
        return False


@dataclass(frozen=True, slots=True)
class RetentionScheduleEdition:
    """One edition of a published schedule; `edition` is the day (YYYY-MM-DD) on which this data was last changed."""

    id: str
    edition: str
    jurisdiction: str
    title: str
    publisher: str
    period_is: str
    source: tuple[str, ...]
    verified: bool
    version: str = ""
    authority: str | None = None
    issued_to: str | None = None
    columns: tuple[str, ...] = ()
    code_format: str | None = None
    covers: tuple[str, ...] = ()
    adoption: str | None = None
    destruction_reporting: str | None = None
    unscheduled: str | None = None
    series: tuple[SeriesRule, ...] = ()

    def rule(self, key: str) -> SeriesRule:
        """The series of that key; LookupError where this edition has none."""
        for series in self.series:
            if series.key == key:
                return series
        raise LookupError(f"{self.id} has no series {key!r}")
