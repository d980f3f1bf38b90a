/**
 * The shapes that /api/v1 speaks, as the server serialises them. Names follow the server's: a type here is the JSON form of the
 * type of the same name there. Instants are RFC 3339 in UTC with microseconds.
 */

export type Instant = string;
/** A length of time as people write it: `90s`, `5m`, `24h`. */
export type Span = string;

export type AccessRole = 'viewer' | 'responder' | 'commander' | 'auditor' | 'legal' | 'admin';
export type Permission =
  | 'view'
  | 'respond'
  | 'lead_incidents'
  | 'decide_disclosure'
  | 'draft_notices'
  | 'approve_notices'
  | 'keep_customers'
  | 'keep_people'
  | 'read_audit'
  | 'export_evidence'
  | 'advance_clock';

export interface Page<T> {
  items: T[];
  next: string | null;
}

export type Actor =
  | { kind: 'person'; user: string }
  | { kind: 'detector'; detector: string }
  | { kind: 'worker'; worker: string }
  | { kind: 'operator' };

export interface User {
  id: string;
  email: string;
  name: string;
  roles: AccessRole[];
  must_change_password: boolean;
  created_at: Instant;
  closed_at?: Instant;
}

export interface Session {
  user: User;
  permissions: Permission[];
  csrf: string;
  server_time: Instant;
  mode: 'serve' | 'demo';
  version: string;
  needs_new_password: boolean;
}

/** How far the demo's clock got. */
export interface Travelled {
  now: Instant;
  /** Where it stopped short of the whole way, and what it waits for. */
  stopped: { moved_seconds: number; left_seconds: number; waits_for: string; due_at: Instant } | null;
}

export interface Token {
  id: string;
  name: string;
  created_at: Instant;
  created_by: string;
  roles: AccessRole[];
  last_used_at: Instant | null;
  revoked_at: Instant | null;
}

export type Severity = 'sev1' | 'sev2' | 'sev3' | 'sev4';
export type Phase = 'detect' | 'analyze' | 'contain' | 'eradicate' | 'recover' | 'learn' | 'closed';
export type Role = 'commander' | 'deputy' | 'scribe' | 'communications_liaison' | 'legal' | 'subject_expert';

/** What happens next by itself, on an incident's row. */
export interface NextClock {
  kind: 'timer' | 'obligation';
  what: string;
  due_at: Instant;
}

/** The worst alert of an incident: what it has become, whatever its title says. */
export interface WorstAlert {
  alert: string;
  title: string;
  severity: Severity;
}

export interface IncidentRow {
  id: string;
  number: number;
  reference: string;
  version: number;
  title: string;
  codename: string;
  severity: Severity;
  phase: Phase;
  opened_at: Instant;
  drill: boolean;
  commander: string | null;
  acknowledged: boolean;
  alerts: number;
  affected: number;
  /** Absent (null) while no alert has joined it. */
  worst_alert: WorstAlert | null;
  disclosure: Disclosure['state'];
  next_clock: NextClock | null;
  last_update_at: Instant;
}

export type Entity = { kind: 'actor' | 'tenant'; value: string };

export type Acknowledgement = { state: 'waiting' } | { state: 'acknowledged'; by: Actor; at: Instant };

export interface Holder {
  user: string;
  since: Instant;
}
export interface Offer {
  to: string;
  by: Actor;
  at: Instant;
}
export interface Term {
  user: string;
  from: Instant;
  until: Instant;
}
export interface Post {
  holder: Holder | null;
  offer: Offer | null;
  history: Term[];
}

export type TimerKind =
  | { kind: 'acknowledge'; step: number }
  | { kind: 'status_update'; every: Span }
  | { kind: 'disclosure_decision'; remind_every: Span }
  | { kind: 'list_affected'; said: number }
  | { kind: 'task'; task: string }
  | { kind: 'law'; clock: LawClock; step: 'remind' | 'escalate' | 'last_call' | 'overdue' }
  | { kind: 'next_update'; promise: { by: Instant; in_notice: NoticeKind } };
/** A phase of a rule that is due by an instant, and that was not submitted. */
export interface LawClock {
  rule: string;
  phase: string;
  title: string;
  since: Instant;
  due_at: Instant;
}
export type TimerState =
  | { state: 'running' }
  | { state: 'fired'; at: Instant }
  | { state: 'done'; at: Instant };
export interface Timer {
  id: string;
  kind: TimerKind;
  due_at: Instant;
  state: TimerState;
}

/** What people do in the product, and by which a task is done. */
export type Act =
  | 'suspect_disclosure'
  | 'decide_disclosure'
  | 'verify_customers'
  | 'submit_full_notice'
  | 'send_full_notice';
export type TaskState =
  | { state: 'open' }
  /** `through`: the act that did it; absent where somebody ticked it off. */
  | { state: 'done'; by: Actor; at: Instant; through?: Act }
  | { state: 'skipped'; by: Actor; at: Instant; why: string };
export type Task = {
  id: string;
  title: string;
  phase: Phase;
  role: Role;
  due_at: Instant | null;
  csf?: string;
  /** The act that does it. */
  done_by?: Act;
  /** Whom it asks to tell by hand, and how. */
  by_hand?: { channel: Channel; customers: string[] };
} & TaskState;

export type Disclosure =
  | { state: 'none' }
  | { state: 'suspected'; by: Actor; at: Instant; why: string; decide_by: Instant }
  | {
      state: 'confirmed';
      by: Actor;
      at: Instant;
      recorded_at: Instant;
      why: string;
      suspected_at: Instant | null;
      /** Somebody asks for the confirmation to be reversed. */
      reversal?: ReversalAsked;
      /** Somebody asks for it to count from a later instant. */
      moving?: MoveAsked;
      /** From when it counted before, the oldest first. */
      moved?: Moved[];
    }
  | {
      state: 'rejected';
      by: Actor;
      at: Instant;
      why: string;
      /** What had been confirmed, and who asked for the reversal. */
      reversed?: { asked: ReversalAsked; confirmed_at: Instant };
    };
/** What a pasted list of affected customers says, and what it would change. */
export interface AffectedList {
  changed: { id: string; name: string; listed: string; before: Standing | null }[];
  unchanged: number;
  faults: { line: number; listed: string; detail: string }[];
  committed: boolean;
}
/** What would follow of a decision on a disclosure, decided as it would be and kept nowhere. */
export interface Foresight {
  now: Instant;
  counts_from: Instant | null;
  counted_from: Instant | null;
  detected_at: Instant | null;
  before_detection: boolean;
  aware_at: Instant | null;
  decide_by: Instant | null;
  /** Whether nothing of it happens before another person agrees. */
  waits_for_second: boolean;
  first_due_at: Instant | null;
  first_holding_at: Instant | null;
  late: number;
  at_once: number;
  moved: number;
  /** The earliest deadline first. */
  customers: ForeseenFor[];
  pages: { capacity: 'commander' | 'counsel' | 'others'; vacant: boolean; names: string[] }[];
}
export interface ForeseenFor {
  customer: string;
  name: string;
  /** Where the deadline is another one than before. */
  due_before: Instant | null;
  due_at: Instant;
  holding_at: Instant | null;
  at_once: boolean;
  late: boolean;
  late_before: boolean;
  told: boolean;
  because: string;
}
export interface MoveAsked {
  by: Actor;
  at: Instant;
  to: Instant;
  why: string;
}
export interface Moved {
  from: Instant;
  to: Instant;
  /** Who asked, where it moved deadlines away. */
  asked?: MoveAsked;
  by: Actor;
  at: Instant;
  why: string;
}
export interface ReversalAsked {
  by: Actor;
  at: Instant;
  why: string;
}

export type Standing = 'possible' | 'confirmed' | 'cleared';
export interface TenantTrace {
  /** No fewer than that. */
  events: number;
  /** Set where several detectors may have counted the same events: no more than that. */
  at_most?: number;
  first_at: Instant;
  last_at: Instant;
  /** Source and id of the first event. */
  first_event: [string, string];
}
export interface AffectedChange {
  to: Standing;
  by: Actor;
  at: Instant;
  evidence: string;
}
export interface Affected {
  standing: Standing;
  traces: Record<string, TenantTrace>;
  changes: AffectedChange[];
}

/** Why a customer is on the list of an incident. */
export interface WhyAffected {
  standing: Standing | null;
  changes: AffectedChange[];
  alerts: { alert: string; title: string; tenants: Record<string, TenantTrace> }[];
  events_counted: number;
  /** Set where alerts may have counted the same events. */
  events_at_most: number | null;
  /** Events that are kept as evidence: names rest on these alone. */
  events_kept: number;
  events: {
    source: string;
    event: string;
    at: Instant;
    raw: string;
    by: { tenant: string; rule: string; found_in: string }[];
    /** What was done to what, and by whom: fields and their values. */
    says: [string, string][];
  }[];
  objects: { count: number; names: string[] };
  people: { count: number; names: string[] };
  data_classes: { count: number; names: string[] };
}

export interface PlaybookRole {
  required: boolean;
  duty: string;
}
export interface PinnedPlaybook {
  id: string;
  title: string;
  version: number;
  hash: string;
  disclosure_decision: Span;
  letters: string;
  roles: Partial<Record<Role, PlaybookRole>>;
}

export interface Incident {
  id: string;
  number: number;
  version: number;
  title: string;
  codename: string;
  summary: string;
  severity: Severity;
  phase: Phase;
  opened_at: Instant;
  opened_by: Actor;
  drill: boolean;
  /** What a drill is held under; absent where it is none. */
  drill_terms?: { customers_to: string };
  entities: Entity[];
  last_alert_at: Instant;
  alerts: number;
  worst_alert?: WorstAlert;
  playbook: PinnedPlaybook | null;
  acknowledgement: Acknowledgement;
  posts: Partial<Record<Role, Post>>;
  timers: Timer[];
  tasks: Task[];
  disclosure: Disclosure;
  /** Absent while nobody recorded any. */
  moments?: Record<string, unknown>;
  submissions?: Record<string, unknown>;
  particulars?: Partial<Record<Particular, ParticularRecord[]>>;
  set_aside?: Record<string, unknown>;
  pauses?: Record<string, unknown>;
  /** Absent while nobody assessed it. */
  assessments?: { inputs: SeverityInputs }[];
  /** Until when the law forbids to tell customers. */
  hold?: { by: Actor; at: Instant; until: Instant; why: string };
  affected: Record<string, Affected>;
  unclaimed_tenants: string[];
  closed_at?: Instant;
}

/** Something that is open when an incident is closed. */
export type StillOpen = { in_the_way: boolean; text: string } & (
  | { what: 'suspicion'; due_at: Instant }
  | { what: 'not_told'; customers: string[]; due_at: Instant }
  | { what: 'withdrawal' | 'unexplained' | 'never_told'; customers: string[] }
  | { what: 'correction'; notice: string }
  | { what: 'nobody_listed' }
  | { what: 'unclaimed'; tenants: string[] }
  | { what: 'report'; rule: string; phase: string; title: string; due_at: Instant; overdue: boolean }
  | { what: 'draft'; notice: string; kind: NoticeKind; state: NoticeStateName }
  | { what: 'promised_update'; due_at: Instant }
  | { what: 'register'; lacks: string[] }
  | { what: 'vacant'; role: Role }
  | { what: 'task'; task: string; title: string; due_at: Instant | null; overdue: boolean }
);

export interface ClosingView {
  /** What stands in the way first; of tasks the overdue first. */
  open: StillOpen[];
  /** Names of the customers, by id. */
  customers: Record<string, string>;
}

export interface IncidentView {
  incident: Incident;
  reference: string;
  next_due_at: Instant | null;
  alerts: AlertRow[];
  obligations: ObligationView[];
  telling: TellingCounts;
  notices: Notice[];
  /** Of each holding notice. */
  holding_gone: Record<string, HoldingGone>;
  deliveries_summary: { queued: number; claimed: number; accepted: number; refused: number; bounced: number };
  customers: Record<string, { name: string; key: string }>;
  /** Tenants that the evidence names: how many, and the first of them. */
  evidence_tenants: { count: number; names: string[] };
  breach_severity: {
    /** The oldest first; the newest counts. */
    assessments: AssessedSeverity[];
    note: string;
  };
}

/** How severe somebody found a breach, by ENISA's method. */
export interface AssessedSeverity {
  score: string;
  level: 'low' | 'medium' | 'high' | 'very high';
  arithmetic: string;
  by: Actor;
  at: Instant;
  why: string;
}

export type DataKind = 'simple' | 'behavioural' | 'financial' | 'sensitive';
export type Identification = 'negligible' | 'limited' | 'significant' | 'maximum';
export type Loss = 'none' | 'partial' | 'full';
export interface SeverityInputs {
  data: { kind: DataKind; adjustment: number }[];
  identification: Identification;
  confidentiality: Loss;
  integrity: Loss;
  availability: Loss;
  malice: boolean;
}

export type EntryKind =
  | 'opened'
  | 'alert_joined'
  | 'paged'
  | 'acknowledged'
  | 'severity_changed'
  | 'title_changed'
  | 'phase_changed'
  | 'role_changed'
  | 'timer_fired'
  | 'task_changed'
  | 'status_update'
  | 'note'
  | 'decision'
  | 'evidence'
  | 'disclosure_changed'
  | 'affected_changed'
  | 'obligation_changed'
  | 'notice_changed'
  | 'change_moved'
  | 'delivered';
/** What a person can write into a timeline by hand. */
export type WrittenKind = 'note' | 'decision' | 'evidence' | 'status_update';

/** What something is about: an incident or a change, never both. */
export interface OfMatter {
  incident?: string;
  change?: string;
}

export interface TimelineEntry extends OfMatter {
  id: string;
  happened_at: Instant;
  recorded_at: Instant;
  by: Actor;
  kind: EntryKind;
  text: string;
  by_name: string;
}

export type Verdict = 'true_positive' | 'false_positive' | 'expected';
export type AlertStateName = 'open' | 'acknowledged' | 'resolved';
export type AlertState =
  | { state: 'open' }
  | { state: 'acknowledged'; by: Actor; at: Instant }
  | { state: 'resolved'; by: Actor; at: Instant; verdict: Verdict; why: string };

export interface AlertRow {
  id: string;
  version: number;
  title: string;
  detector: string;
  severity: Severity;
  state: AlertStateName;
  group: [string, string][];
  count: number;
  events: number;
  first_at: Instant;
  last_at: Instant;
  opened_at: Instant;
  incident: string | null;
  expected: string;
  seen: string;
}

export interface Evidence {
  source: string;
  event: string;
  at: Instant;
  raw: string;
}
export interface Reason {
  expected: string;
  seen: string;
  fields: [string, string][];
}
export interface DetectionFigures {
  events: number;
  last_at: Instant;
  tenants?: Record<string, TenantTrace>;
}
export type Alert = {
  id: string;
  version: number;
  dedupe_key: string;
  detector: string;
  title: string;
  severity: Severity;
  group: [string, string][];
  first_at: Instant;
  last_at: Instant;
  opened_at: Instant;
  detections: Record<string, DetectionFigures>;
  settled_events: number;
  settled_detections: number;
  reason: Reason;
  evidence: Evidence[];
  entities: Entity[];
  tags: string[];
  incident: string | null;
} & AlertState;

export interface AlertView {
  alert: Alert;
  count: number;
  events: number;
  tenants: Record<string, TenantTrace>;
  detector_title: string;
  incident_reference: string | null;
}

export type Step = 'list_affected' | 'draft_full' | 'escalate' | 'last_call' | 'send_holding' | 'overdue';
export type ObligationStateName = 'running' | 'told' | 'missed' | 'ended';
export type ObligationState =
  | { state: 'running' }
  | { state: 'told'; at: Instant; notice: string; in_time: boolean }
  | { state: 'missed'; at: Instant }
  | { state: 'ended'; at: Instant; by: Actor; why: string };

export interface WordsAct {
  by: Actor;
  at: Instant;
}
/** What people said of words of the holding notice, by digest and language. */
export interface WordsApproval {
  language: string;
  digest: string;
  version: number;
  put_forward: WordsAct[];
  approved?: WordsAct;
  /** Approvals that somebody took back, the first first. */
  taken_back?: (WordsAct & { put_forward: WordsAct[]; approved: WordsAct; why: string })[];
}
/** Words of the holding notice as they stand. */
export interface HoldingWords {
  language: string;
  digest: string;
  folders: string[];
  /** How many customers would get them today. */
  customers: number;
  subject: string;
  text: string;
  approval: WordsApproval | null;
}

/** A deadline that passed before the customer was told, whatever came of it afterwards. */
export interface Miss {
  at: Instant;
  /** As soon as somebody has said so. */
  why: { by: Actor; at: Instant; text: string } | null;
}

/** People told a customer by hand, beside the e-mail or while it did not go. */
export interface ToldByHand {
  id: string;
  channel: 'email' | 'phone' | 'post' | 'portal';
  teller: string;
  to: string;
  told_at: Instant;
  said: string;
  said_sha256: string;
  evidence: string;
  by: Actor;
  recorded_at: Instant;
}

export interface LadderStep {
  step: Step;
  what: string;
  at: Instant;
  taken_at: Instant | null;
  late: boolean;
}
export type ObligationView = {
  id: string;
  version: number;
  incident: string;
  customer: string;
  rule: string;
  /** How often the customer is told from the beginning, this time included. */
  round: number;
  miss: Miss | null;
  /** When a customer whose deadline was missed was told all the same. */
  told_late_at: Instant | null;
  /** Whether the customer is still to be told. */
  untold: boolean;
  by_hand?: ToldByHand[];
  deadline: {
    from: Instant;
    limit: Span;
    due_at: Instant;
    explanation: string;
    /** How it was counted before its start was moved, the oldest first. */
    before?: { from: Instant; due_at: Instant }[];
  };
  steps: { step: Step; due_at: Instant; at: Instant }[];
  customer_name: string;
  incident_reference: string;
  incident_title: string;
  /** Whether it belongs to a drill: nothing is really owed. */
  drill: boolean;
  next: { step: Step; what: string; at: Instant } | null;
  recipients: number;
  /** How the contract wants the customer told beside the e-mail. */
  channel: Channel;
  /** Whom to call, in order of preference; nobody in a drill. */
  contacts: { name: string; email: string; role: ContactRole }[];
  ladder: LadderStep[];
  /** `unapproved`: languages whose words nobody has approved, while it has not gone. */
  holding: { notice: string; state: NoticeStateName; unapproved: string[] } | null;
  /** `approvers`: who may approve it while it waits for that. */
  full: { notice: string; state: NoticeStateName; approvers: string[] } | null;
  proof: {
    queued: number;
    submitted: number;
    remote_accepted: number;
    refused: number;
    bounced: number;
    possible_duplicates: number;
  };
} & ObligationState;

/** The kinds that an incident has. */
export type IncidentNoticeKind = 'holding' | 'full' | 'follow_up' | 'final' | 'correction' | 'withdrawn';
export type NoticeKind = IncidentNoticeKind | 'security_change';
export type NoticeStateName = 'draft' | 'submitted' | 'returned' | 'discarded' | 'prepared' | 'sent';
export type FactField =
  | 'what_changes'
  | 'why_it_changes'
  | 'effect_on_data'
  | 'what_is_new'
  | 'what_was_wrong'
  | 'what_is_right'
  | 'why_withdrawn'
  | 'what_happened'
  | 'what_information'
  | 'likely_consequences'
  | 'what_we_did'
  | 'what_you_should_do'
  | 'not_yet_known'
  | 'contained';
/** What the author says; `records_read` stands in no letter. */
export type NoticeFacts = Record<FactField | 'records_read', string>;
export type NoticeState =
  | { state: 'draft' }
  | { state: 'submitted'; by: Actor; at: Instant }
  | { state: 'returned'; by: Actor; at: Instant; why: string }
  | { state: 'discarded'; by: Actor; at: Instant; why: string }
  | { state: 'prepared'; template: string }
  | { state: 'sent'; at: Instant; approved_by: Actor; hash: string };
export type Notice = {
  id: string;
  version: number;
  kind: NoticeKind;
  /** Who began it. */
  author: Actor;
  created_at: Instant;
  /** Who changed its words last, where somebody did since. */
  edited?: { by: Actor; at: Instant };
  /** Why it was returned the last time, also after it was changed. */
  returned?: { by: Actor; at: Instant; why: string };
  facts: NoticeFacts;
  translations?: Record<string, NoticeFacts>;
  facts_as_of?: Instant;
  next_update_by?: Instant;
  comments?: NoticeComment[];
  read_before?: { by: Actor; at: Instant; facts: NoticeFacts; translations: Record<string, NoticeFacts> };
  content_hash: string;
  letters: number;
  /** Of a holding notice: how many letters went with words that nobody had approved beforehand; absent where none did. */
  unapproved?: number;
  /** Letters that followed changes of their customers since it was submitted, the oldest first. */
  followed?: LetterFollowed[];
} & OfMatter &
  NoticeState;
export interface LetterFollowed {
  customer: string;
  parts: ('recipients' | 'words')[];
  by: Actor;
  at: Instant;
}
export interface NoticeComment {
  by: Actor;
  at: Instant;
  field?: FactField;
  version: number;
  text: string;
}
export interface Finding {
  weight: 'must' | 'should';
  field: FactField;
  language?: string;
  words: string;
  problem: string;
}

export interface Letter {
  id: string;
  notice: string;
  customer: string;
  recipients: string[];
  subject: string;
  text: string;
  html: string;
  hash: string;
}
/** Whom a letter is for; its text is asked for by its id. */
export interface LetterRow {
  id: string;
  customer: string;
  customer_name: string;
  recipients: string[];
  hash: string;
  /** Of a holding notice: its words, and who had approved them when it went. */
  template: { language: string; digest: string; approved?: WordsAct } | null;
  by_hand: ToldByHand[];
}
export interface NoticeView {
  notice: Notice;
  /** `INC-0042` or `CHG-0007`. */
  reference: string;
  letters: LetterRow[];
  /** What people write in this kind, in the order of the letter. */
  fields: { field: FactField; required: boolean }[];
  /** Fields to be written before it can be submitted; those of a translation name its language. */
  missing: string[];
  findings: Finding[];
  languages: { language: string; customers: number }[];
  /** What the customers were told last before this notice. */
  told_before: NoticeFacts | null;
  may: {
    /** Why the reader may not approve it, whatever their role. */
    hand: 'began' | 'wrote' | 'submitted' | 'made_follow' | null;
    edit: boolean;
    submit: boolean;
    approve: boolean;
    return: boolean;
    discard: boolean;
  };
  /** Who may approve it: whoever begins or changes it leaves the list. */
  approvers: NoticeApprover[];
}
export interface NoticeApprover {
  user: string;
  name: string;
  /** Whether they were paged to approve it. */
  paged: boolean;
}

export type PageReason =
  | { kind: 'opened' | 'worsened' | 'not_acknowledged' | 'status_update_due' }
  | { kind: 'role_assigned' | 'role_offered'; role: Role }
  | { kind: 'task_due'; title: string }
  | {
      kind:
        | 'disclosure_suspected'
        | 'decision_due'
        | 'disclosure_confirmed'
        | 'nobody_listed'
        | 'approval_wanted'
        | 'nobody_approves';
    }
  | { kind: 'agreement_wanted' }
  | { kind: 'ladder' | 'update_promised' | 'change_due' | 'preflight' | 'sources'; text: string }
  | { kind: 'customer_unreached' | 'question_asked' | 'contact_wrong' | 'letter_changed'; customer: string }
  | { kind: 'mail_refused'; customer: string; status: string };
export type About =
  | (OfMatter &
      (
        | { kind: 'page'; reason: PageReason }
        | { kind: 'letter'; notice: string; letter: string; customer: string }
        | { kind: 'dry_run'; notice: string; customer: string }
      ))
  /** Of no incident and no change. */
  | { kind: 'house_page'; reason: PageReason }
  | { kind: 'asking'; customer: string; asking: string };
/** What recipients did with a letter on the portal. */
export interface Receipt extends OfMatter {
  letter: string;
  version: number;
  notice: string;
  customer: string;
  opened_at: Instant;
  acknowledged?: { at: Instant; name: string; role: string };
  questions: { at: Instant; name: string; text: string; answer?: { by: Actor; at: Instant; text: string } }[];
}
export type ReceiptView = Receipt & { customer_name: string; notice_kind: NoticeKind | null };
export type DeliveryState =
  | { state: 'queued'; next_attempt_at: Instant; last_answer: string | null }
  | { state: 'claimed'; until: Instant; data_at: Instant | null }
  | { state: 'accepted'; at: Instant; answer: string; by: string }
  | { state: 'refused'; at: Instant; answer: string }
  | {
      state: 'bounced';
      at: Instant;
      answer: string;
      status: string;
      submitted: { at: Instant; answer: string; by: string } | null;
    };
export type DeliveryView = {
  id: string;
  version: number;
  about: About;
  channel: 'email' | 'sns';
  recipient: string;
  subject: string;
  created_at: Instant;
  attempts: number;
  possible_duplicate: boolean;
  remote_accepted?: { at: Instant; by: string | null; action: 'delivered' | 'relayed' | 'expanded' };
  customer_name?: string | null;
  notice_kind?: NoticeKind | null;
} & DeliveryState;
export type DeliveryDetail = DeliveryView & {
  transcripts: { at: Instant; outcome: string; lines: string[] }[];
  reports: BounceReport[];
  /** None where the message was erased. */
  message: string | null;
};
/** What was erased with a contact. */
export interface ContactErased {
  customer: Customer;
  messages: number;
  letters: number;
  entries: number;
  others: number;
}
/** What a mail server reported about a message, as it came. */
export interface BounceReport {
  digest: string;
  received_at: Instant;
  effect: string;
  report: {
    action: string;
    status: string;
    remote_mta?: string;
    diagnostic?: string;
    reporting_mta?: string;
  } | null;
  bytes: number;
  raw: string;
}
/** How often something came to return paths that changed nothing. */
export interface BounceTallies {
  domain: string | null;
  reports_taken: boolean;
  items: { kind: string; count: number; last_at: Instant; last_detail: string }[];
}

export type ProofLevel = 'submitted' | 'remote_accepted' | 'opened' | 'acknowledged' | 'by_hand';
export type Proof = Record<Exclude<ProofLevel, 'by_hand'>, Instant | null> & { by_hand?: Instant };
export interface LevelShare {
  level: ProofLevel;
  in_time: number;
  late: number;
  never: number;
  open: number;
  on_time_permille: number | null;
}
export interface CustomerProof {
  /** None where it is about a change. */
  obligation?: string;
  customer: string;
  customer_name: string;
  /** How often the customer is told from the beginning, this time included. */
  round: number;
  due_at: Instant;
  state: string;
  first: Proof;
  recipients: {
    delivery: string;
    notice: string;
    recipient: string;
    state: string;
    stands: boolean;
    proof: Proof;
  }[];
  miss?: Miss;
  by_hand?: ToldByHand[];
}
export interface ProofOfTelling {
  levels: LevelShare[];
  customers: CustomerProof[];
}

export interface ChangeProposal {
  title: string;
  what: string;
  why: string;
  effective_at: Instant;
}
export interface ChangeVerdict {
  substantial: boolean;
  reason: string;
  by: Actor;
  at: Instant;
}
interface ChangeAgreed {
  verdict: ChangeVerdict;
  agreement: { by: Actor; at: Instant };
}
export type ChangeStateName = 'proposed' | 'assessed' | 'agreed' | 'told';
export type ChangeState =
  | { state: 'proposed' }
  | { state: 'assessed'; verdict: ChangeVerdict }
  | ({ state: 'agreed' } & ChangeAgreed)
  | ({ state: 'told'; told: { notice: string; at: Instant; customers: number } } & ChangeAgreed);
export type ChangeFault = 'not_judged' | 'not_told';
export type ChangeCourse =
  | { course: 'planned' }
  | { course: 'effective'; effective_since: Instant; fault?: ChangeFault }
  | { course: 'withdrawn'; withdrawn_by: Actor; withdrawn_at: Instant; withdrawn_why: string };
export type ChangeRow = {
  id: string;
  number: number;
  version: number;
  reference: string;
  /** Until when telling customers is in time. */
  tell_by: Instant;
  proposed_at: Instant;
  proposed_by_name: string;
  revised_by_names: string[];
  judged_by_name: string | null;
  agreed_by_name: string | null;
  withdrawn_by_name: string | null;
  next_step: { step: 'warn' | 'late' | 'effect'; due_at: Instant } | null;
  steps: { step: 'warn' | 'late' | 'effect'; due_at: Instant; at: Instant }[];
} & ChangeProposal &
  ChangeState &
  ChangeCourse;
export interface ChangeView {
  change: ChangeRow;
  notices: Notice[];
  /** How many customers pay now. */
  paying: number;
  proof: ProofOfTelling | null;
  may: { revise: boolean; assess: boolean; agree: boolean; write: boolean; withdraw: boolean };
}

export type ContactRole = 'security' | 'legal' | 'admin' | 'billing';
export interface Contact {
  name: string;
  email: string;
  role: ContactRole;
  /** When the address was given; where that is missing, with the customer. */
  added_at?: Instant;
  verified_at?: Instant;
  /** Why a message to it would not help. */
  trouble?: { at: Instant; kind: 'unreachable' | 'not_the_right_one'; why: string };
}
/** A contact that was asked whether it is still the right one. */
export type Asking = { email: string; asked_at: Instant; answer_by: Instant } & (
  | { state: 'waiting'; reminded_at: Instant | null }
  | { state: 'unanswered' | 'overtaken'; at: Instant }
  | { state: 'confirmed'; at: Instant; name: string }
  | { state: 'not_the_right_one'; at: Instant; name: string; instead: string }
  | { state: 'undeliverable'; at: Instant; why: string }
);
/** From when the limit of a contract counts. */
export type CountsFrom = 'confirmed' | 'aware' | 'suspected' | 'detected';
/** How a customer is told: by e-mail in any case. */
export type Channel = 'email' | 'phone' | 'post' | 'portal';
/** What a contract says of notices beside their limit. */
export interface ContractTerms {
  counts_from: CountsFrom;
  /** Kinds of contacts that are all told; none: the first kind that there is. */
  recipients: ContactRole[];
  channel: Channel;
}
export interface Customer {
  id: string;
  version: number;
  key: string;
  name: string;
  tenants: string[];
  notify_within: Span | null;
  contract: string;
  terms: ContractTerms;
  tags: string[];
  language: string;
  /** Whether it is told of changes that affect security. */
  paying: boolean;
  contacts: Contact[];
  created_at: Instant;
  updated_at: Instant;
}
export interface CustomerDetail {
  customer: Customer;
  obligations: ObligationView[];
  deliveries: DeliveryView[];
  /** The newest first. */
  askings: Asking[];
  /** For how long a contact that was verified, or given, is taken to be right. */
  verify_every: Span;
}
export type CheckName =
  | 'relay'
  | 'second_relay'
  | 'dkim'
  | 'spf'
  | 'dmarc'
  | 'bounces'
  | 'suppression'
  | 'letters'
  | 'contacts'
  | 'people'
  | 'audit_log';
export interface Check {
  check: CheckName;
  result: 'passed' | 'failed' | 'not_applicable';
  seen: string;
  findings: { key: string; seen: string; remedy: string }[];
  /** How many more findings there are than are named. */
  more: number;
  notes: string[];
}
export interface Preflight {
  id: string;
  by: Actor;
  began_at: Instant;
  ended_at: Instant;
  checks: Check[];
  recovered: CheckName[];
}
export interface Preflights {
  /** When it is taken next by itself; null where that is switched off. */
  next_at: Instant | null;
  /** The newest first. */
  taken: Preflight[];
}
export interface CustomerEdit {
  name: string;
  tenants: string[];
  notify_within: Span | null;
  contract: string;
  terms: ContractTerms;
  tags: string[];
  language: string;
  paying: boolean;
  contacts: { name: string; email: string; role: ContactRole }[];
}
export interface ImportResult {
  rows: number;
  added: { key: string; name: string }[];
  changed: { key: string; name: string; changes: string[] }[];
  unchanged: number;
  faults: { line: number; field: string; detail: string }[];
  committed: boolean;
}

export type Level = 'informational' | 'low' | 'medium' | 'high' | 'critical';
export interface LogSource {
  category?: string;
  product?: string;
  service?: string;
}
export type Moment =
  | 'occurred'
  | 'detected'
  | 'suspected'
  | 'aware'
  | 'confirmed'
  | 'determined'
  | 'classified';
/** A moment, and everything that people recorded of it, the oldest first. */
export interface MomentView {
  moment: Moment;
  at: Instant | null;
  records: { at: Instant; by: Actor; recorded_at: Instant; why: string }[];
}
/** What is due for one phase of a rule. */
export type PhaseDue =
  | { state: 'waits'; until: string[] }
  | { state: 'asap'; since: Instant; target_at: Instant | null }
  | { state: 'by'; due_at: Instant; since: Instant; readings: { due_at: Instant; arithmetic: string }[] };
export interface RulePhase {
  id: string;
  requires: string[];
  due: PhaseDue;
  submitted: { at: Instant; by: Actor; recorded_at: Instant; reference: string } | null;
  in_time: boolean | null;
  /** What the company set itself where the law names no number. */
  target: { within: Span; source: string } | null;
  target_met: boolean | null;
}
/** For a while the clocks of a rule stand. */
export interface ClockPause {
  reason: string;
  evidence: string;
  from: Instant;
  until: Instant;
  by: Actor;
  recorded_at: Instant;
  lifted?: { at: Instant; by: Actor; why: string };
}
/** A rule of law that binds, and what it asks of an incident. */
export interface LawRule {
  id: string;
  title: string;
  source: string;
  confidence: 'V' | 'S';
  last_verified: string;
  jurisdiction: string;
  trigger: string;
  recipients: string;
  applies_if: string;
  /** Who said that it does not apply to the incident, and why. */
  set_aside: { at: Instant; by: Actor; why: string } | null;
  /** For which reasons its clocks may stand. */
  may_pause: { reason: string; evidence_required: string; max_days: number | null }[];
  pauses: ClockPause[];
  phases: RulePhase[];
}
export interface ClocksView {
  moments: MomentView[];
  rules: LawRule[];
  /** Rules that are switched off until counsel has read them; those that may bind anybody first. */
  unread: UnreadRule[];
}
/** A rule that is switched off, and what it would ask. */
export interface UnreadRule extends LawRule {
  may_bind: boolean;
}

/** What people record that authorities ask. */
export type Particular =
  | 'nature'
  | 'subject_categories'
  | 'subject_count'
  | 'record_categories'
  | 'record_count'
  | 'consequences'
  | 'measures'
  | 'delay_reasons'
  | 'unlawful_act'
  | 'cross_border'
  | 'severity'
  | 'impact'
  | 'indicators'
  | 'root_cause'
  | 'individuals'
  | 'protective_steps';
export interface ParticularRecord {
  text: string;
  by: Actor;
  at: Instant;
}
export interface ReportItem {
  label: string;
  known: boolean;
  value: string;
  /** Where the answer comes from, and as of when it stands. */
  basis: string | null;
}
export interface ReportView {
  form: string;
  title: string;
  law: string;
  recipient: string;
  status: string;
  as_of: Instant;
  sections: { heading: string; source: string; items: ReportItem[] }[];
  missing: { source: string; label: string; particular: Particular | null }[];
  /** Characters that would stand in the PDF as their codes. */
  pdf_lacks: string[];
}

export interface DetectorView {
  id: string;
  title: string;
  level: Level;
  kind: string;
  status: string | null;
  description: string | null;
  log_source: LogSource | null;
  tags: string[];
  path: string;
  judged: number;
  matched: number;
  last_match_at: Instant | null;
  alerts: number;
  false_positives: number;
  dropped: RuleDrops;
  coverage: DetectorCoverage;
  /** The sources that give events which it judges, or can give them. */
  sources: string[];
}
/** Whether the sources can satisfy a detector, by the events since the service started. */
export interface DetectorCoverage {
  satisfiable: 'yes' | 'unknown' | 'fields_unseen' | 'no_log_source';
  /** The fields that it names and no event of its log source had. */
  unseen_fields: string[];
  /** Those of them without which it cannot match. */
  missing_fields: string[];
  events: number;
}
/** What one rule left out since its state began. */
export interface RuleDrops {
  groups_evicted: number;
  ungrouped: number;
  late: number;
  records_forgotten: number;
}
export interface QuarantinedRule {
  path: string;
  line: number | null;
  key: string | null;
  rule: string | null;
  reason: string;
}
export interface DetectorList {
  items: DetectorView[];
  quarantined: QuarantinedRule[];
  dropped: {
    late: number;
    future: number;
    duplicate: number;
    evicted: number;
    ungrouped: number;
    records_forgotten: number;
    ids_forgotten: number;
    lines_forgotten: number;
  };
  rules: RulesView;
}
/** How the rules were read last: what came of it, and why they cannot be read at present. */
export interface RulesView {
  reloaded: {
    at: Instant;
    kept: number;
    restarted: NamedDetector[];
    added: NamedDetector[];
    gone: string[];
    quarantined: number;
  } | null;
  unreadable: { since: Instant; reason: string } | null;
}
export interface NamedDetector {
  id: string;
  title: string;
}
/** One detector with its text. `falsepositives` are the rule's own notes on what may set it off wrongly. */
export type DetectorDetail = DetectorView & {
  source: string;
  references: string[];
  falsepositives: string[];
  author: string | null;
};

export interface SourceView {
  name: string;
  kind: string;
  format: string;
  state: 'ok' | 'waiting' | 'failing';
  events: number;
  bytes: number;
  unparsed: number;
  late: number;
  duplicates: number;
  truncated: number;
  /** Frames of a protocol that could not be understood. */
  malformed: number;
  /** What came and found no room: datagrams, which nobody sends again. */
  dropped: number;
  /** Records and connections that were refused, and whoever sent them was told. */
  refused: number;
  /** Events that a subscription missed and the poller behind it found. */
  missed_by_push: number;
  /** Bytes that a source had and nobody will ever read, such as of a file that was cut. */
  lost_bytes: number;
  gaps: number;
  /** Requests made to whoever keeps the events, and how many of them were told to slow down. */
  calls: number;
  throttled: number;
  /** What it waits for, such as a file that is not there yet. */
  waiting: string[];
  /** What else it had to say, such as an object that was set aside; what was said last stands first. */
  remarks: { at: Instant; text: string }[];
  last_event_at: Instant | null;
  /** When an event of it was last judged: since then it is idle. */
  last_judged_at: Instant | null;
  last_read_at: Instant | null;
  /** How long after it happened the newest event was judged; does not grow while nothing comes. */
  lag_seconds: number | null;
  error: { at: Instant; message: string } | null;
  rate: number[];
  /** What is wrong with it and people were told of, the worst first. */
  alerts: SourceAlert[];
  /** How many of the rules that run judge its events; null for a source that is not configured any more. */
  coverage: SourceCoverage | null;
  /** What polling costs; null where nothing is polled, or not for long enough. */
  cost: SourceCost | null;
}
/** Estimated from the calls that were counted; only calls are priced. */
export interface SourceCost {
  measured_seconds: number;
  calls_a_day: number;
  bytes_a_day: number;
  usd_a_month: number;
  /** Some of the calls have no price, and cannot be told from those that have. */
  at_most: boolean;
  /** Of the calls that AWS allows an account and region, where they have no price but a limit. */
  share_of_limit: number | null;
  /** What is paid besides, and not seen from here. */
  not_counted: string;
  prices_of: string;
  prices_as_of: string;
  prices_written_at: string[];
}
/** By what it gave since the service started. */
export interface SourceCoverage {
  can_match: number;
  /** It has not given enough events to tell. */
  unknown: number;
  /** They need fields that it was never seen to give. */
  fields_unseen: number;
}
/** Something that is wrong with a source. */
export interface SourceAlert {
  trouble: 'failing' | 'losing' | 'unreadable' | 'behind' | 'quiet';
  since: Instant;
  told_at: Instant;
  reason: string;
  remedy: string;
}
export interface UnparsedLine {
  at: Instant;
  position: string;
  reason: string;
  line: string;
}

export interface AuditRecord {
  seq: number;
  at: Instant;
  actor: string;
  action: string;
  subject: string;
  detail: string;
  prev_hash: string;
  hash: string;
  actor_name: string;
}
export type AuditVerdict =
  | { ok: true; records: number; head: string; checkpoints: number; sealed: number }
  | { ok: false; misfit: { seq: number; what: string } };

/** What others verify the log by. */
export interface CheckpointView {
  key: string;
  /** How many records the newest checkpoint stands for. */
  size: number;
  at: Instant | null;
  note: string | null;
  /** How many records came since. */
  unsealed: number;
}

export interface MailRow {
  id: string;
  received_at: Instant;
  from: string;
  to: string;
  subject: string;
}
export type MailMessage = MailRow & { text: string; html: string | null; raw: string };

/** Where telling stands, counted by the server in one place: the badge, the breach desk and the incident show the same. */
export interface TellingCounts {
  untold: number;
  told: number;
  told_late: number;
  ended: number;
  /** Questions of recipients that wait for an answer. */
  questions: number;
}
/** How far a holding notice went, which goes to each customer by the customer's own clock. */
export interface HoldingGone {
  customers: number;
  waiting: number;
  next_at: Instant | null;
}
/** A notice as the breach desk names it above an incident's customers. */
export interface NoticeHeading {
  notice: string;
  state: NoticeStateName;
  /** Of a notice that waits for its approval: who may approve it. */
  approvers: string[];
}

/** An incident as the breach desk heads its customers. */
export interface TellingRow {
  incident: string;
  reference: string;
  title: string;
  drill: boolean;
  counts: TellingCounts;
  holding: NoticeHeading | null;
  full: NoticeHeading | null;
  holding_gone: HoldingGone | null;
  /** Languages in which the holding notice is to go with words that nobody has approved. */
  unapproved: string[];
}

export interface Overview {
  open_incidents: Record<Severity, number>;
  open_alerts: number;
  telling: TellingCounts;
  most_urgent: { what: string; due_at: Instant; incident: string; reference: string } | null;
  drafts_waiting_for_me: number;
  /** Who may approve notices that they had no hand in. */
  approvers: string[];
  source_faults: number;
  drills: DrillStatus;
}

/** Whether drills are held as they should be: once a year at least. */
export interface DrillStatus {
  last_closed_at: Instant | null;
  /** By when the next one is to be held; null where there was none yet. */
  due_at: Instant | null;
  due: boolean;
  last: { incident: string; reference: string; score: number } | null;
  /** What to write into the configuration before a drill can be declared. */
  hindrance: string | null;
}

export type DrillVerdict = 'met' | 'partly' | 'not_met' | 'open' | 'not_asked';

export interface DrillCheck {
  id: string;
  title: string;
  target: string;
  due_at: Instant | null;
  measured: string;
  done_at: Instant | null;
  verdict: DrillVerdict;
  points: number;
  /** 0 where it was not asked. */
  worth: number;
}

export interface DrillReport {
  as_of: Instant;
  closed: boolean;
  /** In hundredths. */
  score: number;
  points: number;
  worth: number;
  checks: DrillCheck[];
}

/** A change of state, as the stream tells it. */
export interface StreamChange {
  seq: number;
  at: Instant;
  action: string;
  subject: string;
}

/** RFC 9457 problem details. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  faults?: { field: string; detail: string }[];
  current?: unknown;
}
