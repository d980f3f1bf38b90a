/** The words of the domain as people read them. */
import type {
  About,
  AccessRole,
  Act,
  Actor,
  CheckName,
  EntryKind,
  FactField,
  IncidentNoticeKind,
  NoticeKind,
  NoticeStateName,
  PageReason,
  Phase,
  Role,
  Severity,
  Standing,
  Task,
  TellingCounts,
  TimerKind,
  Verdict,
} from '../api/types';

export const SEVERITIES: readonly Severity[] = ['sev1', 'sev2', 'sev3', 'sev4'];
export const SEVERITY_MEANS: Record<Severity, string> = {
  sev1: 'customers’ data or the whole service is at stake; everybody',
  sev2: 'customers are or may be harmed; now',
  sev3: 'something is impaired; today',
  sev4: 'a nuisance; in working hours',
};

/** What a task asks for that the product itself sees done. */
export const ACT_WORDS: Record<Act, string> = {
  suspect_disclosure: ', by recording the suspicion',
  decide_disclosure: ', by deciding on the disclosure',
  verify_customers: ', by verifying every customer on the list',
  submit_full_notice: ', by submitting the full notice',
  send_full_notice: ', by sending the full notice',
};

export const PHASES: readonly Phase[] = [
  'detect',
  'analyze',
  'contain',
  'eradicate',
  'recover',
  'learn',
  'closed',
];
export const PHASE_NAMES: Record<Phase, string> = {
  detect: 'Detect',
  analyze: 'Analyze',
  contain: 'Contain',
  eradicate: 'Eradicate',
  recover: 'Recover',
  learn: 'Learn',
  closed: 'Closed',
};

export const ROLES: readonly Role[] = [
  'commander',
  'deputy',
  'scribe',
  'communications_liaison',
  'legal',
  'subject_expert',
];
export const ROLE_NAMES: Record<Role, string> = {
  commander: 'Commander',
  deputy: 'Deputy',
  scribe: 'Scribe',
  communications_liaison: 'Communications liaison',
  legal: 'Legal / DPO',
  subject_expert: 'Subject expert',
};

/** Which people may hold a role: those whose permissions let them act in it. */
export const MAY_HOLD: Record<Role, readonly AccessRole[]> = {
  commander: ['responder', 'commander', 'legal'],
  deputy: ['responder', 'commander', 'legal'],
  scribe: ['responder', 'commander', 'legal'],
  communications_liaison: ['responder', 'commander', 'legal'],
  legal: ['legal'],
  subject_expert: ['responder', 'commander', 'legal'],
};

export const ACCESS_ROLES: readonly AccessRole[] = [
  'viewer',
  'responder',
  'commander',
  'auditor',
  'legal',
  'admin',
];
export const ACCESS_ROLE_MEANS: Record<AccessRole, string> = {
  viewer: 'sees everything, decides nothing',
  responder: 'answers alerts and works on incidents',
  commander: 'leads incidents and decides on disclosures',
  auditor: 'sees everything, verifies the log, takes evidence away',
  legal: 'approves notices and answers for obligations',
  admin: 'keeps people, customers, tokens',
};

export const STANDING_NAMES: Record<Standing, string> = {
  confirmed: 'Confirmed',
  possible: 'Possible',
  cleared: 'Cleared',
};

export const VERDICT_NAMES: Record<Verdict, string> = {
  true_positive: 'True positive: it was what the rule looks for',
  false_positive: 'False positive: the rule was wrong',
  expected: 'Expected: the rule was right, and it was allowed',
};

export const NOTICE_STATE_NAMES: Record<NoticeStateName, string> = {
  draft: 'Draft',
  submitted: 'Waits for approval',
  returned: 'Returned',
  discarded: 'Discarded',
  prepared: 'Prepared',
  sent: 'Sent',
};

export const NOTICE_NAMES: Record<NoticeKind, string> = {
  holding: 'Holding notice',
  full: 'Full notice',
  follow_up: 'Follow-up notice',
  final: 'Final notice',
  correction: 'Correction',
  withdrawn: 'Withdrawal',
  security_change: 'Security-change notice',
};

/** What a notice is for: asked when somebody chooses one. */
export const NOTICE_PURPOSES: Record<Exclude<IncidentNoticeKind, 'holding'>, string> = {
  full: 'The whole account, to customers who have not had one.',
  follow_up: 'What is new, to customers who were told before.',
  final: 'The account when the investigation has ended; no update follows.',
  correction: 'Something that we told customers was wrong.',
  withdrawn: 'To customers who were told and then cleared: they are not affected.',
};

export const LANGUAGE_NAMES: Record<string, string> = {
  de: 'German',
  en: 'English',
  es: 'Spanish',
  fr: 'French',
};

export const FACT_NAMES: Record<FactField, { label: string; hint: string }> = {
  what_changes: { label: 'What changes', hint: 'In the customer’s words: what will be different' },
  why_it_changes: { label: 'Why it changes', hint: 'The reason, plainly' },
  effect_on_data: {
    label: 'Effect on the customer’s data',
    hint: 'Where it is kept, who can reach it, how it is protected; say so where nothing changes',
  },
  what_is_new: { label: 'What is new', hint: 'Since the last notice' },
  what_was_wrong: { label: 'What was wrong', hint: 'The sentence that we wrote, and in which notice' },
  what_is_right: { label: 'What is right', hint: 'And how we know' },
  why_withdrawn: { label: 'Why it is withdrawn', hint: 'What showed that the customer is not affected' },
  what_happened: { label: 'What happened', hint: 'When, how it was found, and what was accessed' },
  what_information: {
    label: 'What information',
    hint: 'Which of the customer’s information was or may have been disclosed',
  },
  likely_consequences: {
    label: 'Likely consequences',
    hint: 'What may follow for the customer and for the people concerned',
  },
  what_we_did: { label: 'What we did and will do', hint: 'Containment, remedy, and what comes next' },
  what_you_should_do: { label: 'What you should do', hint: 'Steps the customer can take now' },
  not_yet_known: { label: 'Not yet known', hint: 'What is still being investigated; may stay empty' },
  contained: { label: 'Contained?', hint: '“yes”, “no”, or words in between' },
};
export const FACT_FIELDS = Object.keys(FACT_NAMES) as FactField[];

export const ENTRY_NAMES: Record<EntryKind, string> = {
  opened: 'Opened',
  alert_joined: 'Alert',
  paged: 'Page',
  acknowledged: 'Acknowledged',
  severity_changed: 'Severity',
  title_changed: 'Title',
  phase_changed: 'Phase',
  role_changed: 'Role',
  timer_fired: 'Timer',
  task_changed: 'Task',
  status_update: 'Status update',
  note: 'Note',
  decision: 'Decision',
  evidence: 'Evidence',
  disclosure_changed: 'Disclosure',
  affected_changed: 'Customers',
  obligation_changed: 'Obligation',
  notice_changed: 'Notice',
  change_moved: 'Change',
  delivered: 'Delivery',
};

/** The groups by which a timeline is filtered. */
export const ENTRY_GROUPS: Record<string, { label: string; kinds: readonly EntryKind[] }> = {
  written: { label: 'Written by people', kinds: ['note', 'decision', 'evidence', 'status_update'] },
  decisions: {
    label: 'Decisions and states',
    kinds: [
      'opened',
      'acknowledged',
      'severity_changed',
      'title_changed',
      'phase_changed',
      'role_changed',
      'decision',
      'disclosure_changed',
      'affected_changed',
      'task_changed',
    ],
  },
  notices: { label: 'Obligations and notices', kinds: ['obligation_changed', 'notice_changed', 'delivered'] },
  machine: { label: 'Alerts, pages, timers', kinds: ['alert_joined', 'paged', 'timer_fired'] },
};

/** What Watchkeeper does by itself, in a word or two. */
const WORKERS: Record<string, string> = {
  bounces: 'reports of mail servers',
  delivery: 'mail',
  evidence: 'what the events name',
  ladder: 'clock of deadlines',
  outbox: 'mail',
  timers: 'timers',
  watch: 'detection',
};

/** Who did it, when the person's name is known by `nameOf`. */
export function actorName(actor: Actor, nameOf: (user: string) => string): string {
  switch (actor.kind) {
    case 'person':
      return nameOf(actor.user);
    case 'detector':
      return `detector ${actor.detector}`;
    case 'worker':
      return `Watchkeeper (${WORKERS[actor.worker] ?? actor.worker.replaceAll('_', ' ')})`;
    case 'operator':
      return 'operator at the command line';
  }
}

/** Whom a clock of law pages next, while nothing is submitted. */
const LAW_STEPS = {
  remind: 'else counsel is paged: half of the time has passed',
  escalate: 'else counsel and commander are paged: two thirds of the time have passed',
  last_call: 'else executives are paged, too: five sixths of the time have passed',
  overdue: 'its deadline; all are paged, and daily from then on',
};

/** What happens when a timer runs out. */
export function timerInWords(kind: TimerKind, tasks: readonly Task[]): { due: string; otherwise: string } {
  switch (kind.kind) {
    case 'acknowledge':
      return {
        due: 'Acknowledgement',
        otherwise: `else step ${kind.step + 1} of the paging policy is paged`,
      };
    case 'status_update':
      return { due: 'Status update', otherwise: `else the commander is reminded, every ${kind.every}` };
    case 'disclosure_decision':
      return { due: 'Decision on the disclosure', otherwise: 'else commander and counsel are paged' };
    case 'list_affected':
      return {
        due: 'Somebody on the list of affected customers',
        otherwise: 'else commander and counsel are paged, daily; executives too from the second time on',
      };
    case 'task': {
      const task = tasks.find((candidate) => candidate.id === kind.task);
      return { due: task ? task.title : 'A task', otherwise: 'else its role is reminded' };
    }
    case 'law': {
      const what = `${kind.clock.title} (${kind.clock.phase})`;
      return {
        due: kind.step === 'overdue' ? what : `Reminder of “${what}”`,
        otherwise: LAW_STEPS[kind.step],
      };
    }
    case 'next_update':
      return {
        due: 'Reminder of the update that customers were promised',
        otherwise: 'commander and counsel are paged; executives too once it is late',
      };
  }
}

export function pageReasonInWords(reason: PageReason): string {
  switch (reason.kind) {
    case 'role_assigned':
      return `Page: role ${ROLE_NAMES[reason.role]} assigned`;
    case 'role_offered':
      return `Page: role ${ROLE_NAMES[reason.role]} offered`;
    case 'task_due':
      return `Page: task due: ${reason.title}`;
    case 'ladder':
    case 'update_promised':
    case 'sources':
      return `Page: ${reason.text}`;
    case 'preflight':
      return `Page: pre-flight ${reason.text}`;
    case 'contact_wrong':
      return `Page: wrong contact at ${reason.customer}`;
    case 'question_asked':
      return `Page: ${reason.customer} asks about a notice`;
    case 'customer_unreached':
      return `Page: ${reason.customer} could not be reached`;
    case 'letter_changed':
      return `Page: the letter to ${reason.customer} was changed beside the record and is held back`;
    case 'nobody_approves':
      return 'Page: a notice waits, and nobody may approve it';
    case 'nobody_listed':
      return 'Page: a disclosure is confirmed, and nobody is on the list of affected customers';
    case 'mail_refused':
      return `Page: our mail is refused by policy (${reason.status}) at ${reason.customer}`;
    default:
      return `Page: ${reason.kind.replaceAll('_', ' ')}`;
  }
}

export const CHECK_NAMES: Record<CheckName, string> = {
  relay: 'Mail relay',
  second_relay: 'Second relay',
  dkim: 'DKIM record',
  spf: 'SPF record',
  dmarc: 'DMARC record',
  bounces: 'Bounce mailbox',
  suppression: 'Suppression list',
  letters: 'Letters',
  contacts: 'Coverage of contacts',
  people: 'People to page',
  audit_log: 'Audit log',
};

export function aboutInWords(
  about: About,
  customerName?: string | null,
  noticeKind?: NoticeKind | null,
): string {
  if (about.kind === 'page' || about.kind === 'house_page') return pageReasonInWords(about.reason);
  if (about.kind === 'asking')
    return `Question whether this contact is right${customerName ? ` for ${customerName}` : ''}`;
  if (about.kind === 'dry_run') return 'Dry run of a letter, to one of us';
  const kind = noticeKind ? NOTICE_NAMES[noticeKind] : 'Letter';
  return customerName ? `${kind} to ${customerName}` : kind;
}

/** `1 alert`, `3 alerts`. */
export function count(value: number, one: string, many = `${one}s`): string {
  return `${value.toLocaleString('en-GB')} ${value === 1 ? one : many}`;
}

/** Bytes as people read them: `12.4 MB`. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let amount = value;
  let unit = 0;
  while (amount >= 1000 && unit < units.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${units[unit]}`;
}

/** Where telling stands: `2 customers still to be told, 4 told, 1 told late, 3 questions wait`. */
export function tellingInWords({ untold, told, told_late, questions }: TellingCounts): string {
  const parts = [`${count(untold, 'customer')} still to be told`, `${told} told`];
  if (told_late > 0) parts.push(`${told_late} told late`);
  if (questions > 0) parts.push(questions === 1 ? '1 question waits' : `${questions} questions wait`);
  return parts.join(', ');
}
