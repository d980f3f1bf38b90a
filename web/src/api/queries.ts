/** What the screens ask for: one hook each, named after the thing. The first part of a key is what `live/stream.ts` refreshes by. */
import {
  type InfiniteData,
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useInfiniteQuery,
  useQuery,
} from '@tanstack/react-query';
import { createContext, useCallback, useContext } from 'react';
import { query, request } from './client';
import type {
  AlertRow,
  AlertView,
  AuditRecord,
  BounceTallies,
  ChangeRow,
  ChangeView,
  CheckpointView,
  ClocksView,
  ClosingView,
  Customer,
  CustomerDetail,
  DeliveryDetail,
  DeliveryView,
  DetectorDetail,
  DetectorList,
  DrillReport,
  Foresight,
  HoldingWords,
  IncidentRow,
  IncidentView,
  Letter,
  MailMessage,
  MailRow,
  NoticeView,
  ObligationView,
  Overview,
  Page,
  Permission,
  Preflights,
  ProofOfTelling,
  ReceiptView,
  ReportView,
  Session,
  SourceView,
  TellingRow,
  TimelineEntry,
  Token,
  UnparsedLine,
  User,
  WhyAffected,
} from './types';

/** The stream says what changed; asking again now and then catches what it does not tell, such as counters. */
const NOW_AND_THEN = 20_000;

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) => request<Session>('/session', { signal }),
  staleTime: Number.POSITIVE_INFINITY,
});

/** The session of the person at the screen; set once it is known, so that screens need not ask whether it is. */
export const SessionContext = createContext<Session | null>(null);
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error('no session around this screen');
  return session;
}
export function useMay(permission: Permission): boolean {
  return useSession().permissions.includes(permission);
}

function list<T>(
  name: string,
  path: string,
  parameters: Record<string, string | undefined>,
  refetchInterval?: number,
) {
  return infiniteQueryOptions<Page<T>, Error, InfiniteData<Page<T>>, unknown[], string | null>({
    queryKey: [name, path, parameters],
    initialPageParam: null,
    queryFn: ({ pageParam, signal }) =>
      request<Page<T>>(`${path}${query({ ...parameters, after: pageParam })}`, { signal }),
    getNextPageParam: (last) => last.next,
    refetchInterval,
  });
}

/** All rows that were loaded so far. */
export function rows<T>(data: InfiniteData<Page<T>> | undefined): T[] | undefined {
  return data?.pages.flatMap((page) => page.items);
}

export const useUsers = () =>
  useQuery({
    queryKey: ['users'],
    queryFn: ({ signal }) => request<{ items: User[] }>('/users', { signal }),
    staleTime: 60_000,
  });

/** Turns ids of people into names. */
export function useNameOf(): (user: string) => string {
  const users = useUsers().data?.items;
  return useCallback((id: string) => users?.find((user) => user.id === id)?.name ?? 'somebody', [users]);
}

export const useTokens = () =>
  useQuery({
    queryKey: ['tokens'],
    queryFn: ({ signal }) => request<{ items: Token[] }>('/tokens', { signal }),
  });

export const useOverview = () =>
  useQuery({
    queryKey: ['overview'],
    queryFn: ({ signal }) => request<Overview>('/overview', { signal }),
    refetchInterval: NOW_AND_THEN,
  });

export const useIncidents = (filters: Record<string, string | undefined>) =>
  useInfiniteQuery(list<IncidentRow>('incidents', '/incidents', filters, NOW_AND_THEN));

export const incidentQuery = (id: string) =>
  queryOptions({
    queryKey: ['incident', id],
    queryFn: ({ signal }) => request<IncidentView>(`/incidents/${encodeURIComponent(id)}`, { signal }),
  });
export const useIncident = (id: string) => useQuery(incidentQuery(id));

export const useClocks = (id: string) =>
  useQuery({
    queryKey: [...incidentQuery(id).queryKey, 'clocks'],
    queryFn: ({ signal }) => request<ClocksView>(`/incidents/${encodeURIComponent(id)}/clocks`, { signal }),
  });

/** What would follow of a decision; asked anew whenever the incident changes. */
export const useForesight = (
  id: string,
  asked: { decision: string; at: string | undefined; aware_at?: string | undefined },
) =>
  useQuery({
    queryKey: [...incidentQuery(id).queryKey, 'foreseen', asked],
    queryFn: ({ signal }) =>
      request<Foresight>(`/incidents/${encodeURIComponent(id)}/disclosure/foreseen${query(asked)}`, {
        signal,
      }),
    placeholderData: keepPreviousData,
    retry: false,
  });

/** What is open, for whoever wants to close the incident: asked for anew each time. */
export const useClosing = (id: string) =>
  useQuery({
    queryKey: [...incidentQuery(id).queryKey, 'closing'],
    queryFn: ({ signal }) => request<ClosingView>(`/incidents/${encodeURIComponent(id)}/closing`, { signal }),
    staleTime: 0,
    gcTime: 0,
  });

export const useReports = (id: string) =>
  useQuery({
    queryKey: [...incidentQuery(id).queryKey, 'reports'],
    queryFn: ({ signal }) =>
      request<{ reports: ReportView[] }>(`/incidents/${encodeURIComponent(id)}/reports`, { signal }),
  });

export const useWhyAffected = (incident: string, customer: string) =>
  useQuery({
    queryKey: [...incidentQuery(incident).queryKey, 'why', customer],
    queryFn: ({ signal }) =>
      request<WhyAffected>(
        `/incidents/${encodeURIComponent(incident)}/affected/${encodeURIComponent(customer)}/why`,
        { signal },
      ),
  });

/** Where the API keeps what is about an incident or a change. */
export type MatterPath = `/incidents/${string}` | `/changes/${string}`;
export const incidentPath = (id: string): MatterPath => `/incidents/${encodeURIComponent(id)}`;
export const changePath = (id: string): MatterPath => `/changes/${encodeURIComponent(id)}`;

export const useTimeline = (matter: MatterPath) =>
  useInfiniteQuery(list<TimelineEntry>('timeline', `${matter}/timeline`, { limit: '200' }));

export const useDeliveries = (incident: string) =>
  useInfiniteQuery(
    list<DeliveryView>('deliveries', `/incidents/${encodeURIComponent(incident)}/deliveries`, {}),
  );
export const useDelivery = (id: string | null) =>
  useQuery({
    queryKey: ['deliveries', 'one', id],
    queryFn: ({ signal }) =>
      request<DeliveryDetail>(`/deliveries/${encodeURIComponent(id ?? '')}`, { signal }),
    enabled: id !== null,
  });

export const useProofOfTelling = (incident: string) =>
  useQuery({
    queryKey: ['deliveries', 'proof', incident],
    queryFn: ({ signal }) =>
      request<ProofOfTelling>(`/incidents/${encodeURIComponent(incident)}/proof`, { signal }),
    refetchInterval: NOW_AND_THEN,
  });
export const useBounceTallies = () =>
  useQuery({
    queryKey: ['deliveries', 'bounces'],
    queryFn: ({ signal }) => request<BounceTallies>('/bounces', { signal }),
    refetchInterval: NOW_AND_THEN,
  });

export const useAlerts = (filters: Record<string, string | undefined>) =>
  useInfiniteQuery(list<AlertRow>('alerts', '/alerts', filters, NOW_AND_THEN));
export const useAlert = (id: string) =>
  useQuery({
    queryKey: ['alert', id],
    queryFn: ({ signal }) => request<AlertView>(`/alerts/${encodeURIComponent(id)}`, { signal }),
  });

export const useObligations = (filters: Record<string, string | undefined>) =>
  useInfiniteQuery(list<ObligationView>('obligations', '/obligations', filters, NOW_AND_THEN));

/** The headings of the breach desk: of one incident, or of every one in which somebody waits. */
export const useTelling = (incident: string | undefined) =>
  useQuery({
    queryKey: ['obligations', 'telling', incident],
    queryFn: ({ signal }) => request<Page<TellingRow>>(`/telling${query({ incident })}`, { signal }),
    refetchInterval: NOW_AND_THEN,
  });

export const useNotice = (id: string) =>
  useQuery({
    queryKey: ['notice', id],
    queryFn: ({ signal }) => request<NoticeView>(`/notices/${encodeURIComponent(id)}`, { signal }),
  });

/** A letter as it was when it had this hash: with another hash it is another letter. */
export const useLetter = (id: string, hash = '') =>
  useQuery({
    queryKey: ['letter', id, hash],
    queryFn: ({ signal }) => request<Letter>(`/letters/${encodeURIComponent(id)}`, { signal }),
    enabled: id !== '',
  });
/** What became of each message of a notice. */
export const useNoticeDeliveries = (notice: string) =>
  useInfiniteQuery(list<DeliveryView>('deliveries', `/notices/${encodeURIComponent(notice)}/deliveries`, {}));
export const useReceipts = (matter: MatterPath) =>
  useQuery({
    queryKey: ['receipts', matter],
    queryFn: ({ signal }) => request<{ items: ReceiptView[] }>(`${matter}/receipts`, { signal }),
    refetchInterval: NOW_AND_THEN,
  });

export const useDrillReport = (incident: string) =>
  useQuery({
    queryKey: ['incident', incident, 'drill'],
    queryFn: ({ signal }) =>
      request<DrillReport>(`/incidents/${encodeURIComponent(incident)}/drill`, { signal }),
    refetchInterval: NOW_AND_THEN,
  });

export const useChanges = () => useInfiniteQuery(list<ChangeRow>('changes', '/changes', {}, NOW_AND_THEN));
export const useChange = (id: string) =>
  useQuery({
    queryKey: ['change', id],
    queryFn: ({ signal }) => request<ChangeView>(changePath(id), { signal }),
    refetchInterval: NOW_AND_THEN,
  });

export const useCustomers = (q: string) =>
  useInfiniteQuery(list<Customer>('customers', '/customers', { q: q === '' ? undefined : q }));
export const useCustomer = (id: string) =>
  useQuery({
    queryKey: ['customer', id],
    queryFn: ({ signal }) => request<CustomerDetail>(`/customers/${encodeURIComponent(id)}`, { signal }),
  });

export const usePreflights = () =>
  useQuery({
    queryKey: ['preflight'],
    queryFn: ({ signal }) => request<Preflights>('/preflight', { signal }),
  });

export const useHoldingWords = () =>
  useQuery({
    queryKey: ['holding-words'],
    queryFn: ({ signal }) => request<{ items: HoldingWords[] }>('/holding-words', { signal }),
  });

export const useDetectors = () =>
  useQuery({
    queryKey: ['detectors'],
    queryFn: ({ signal }) => request<DetectorList>('/detectors', { signal }),
    refetchInterval: NOW_AND_THEN,
  });
/** The title of a rule, where its id would say nothing to a reader. */
export function useDetectorTitle(id: string | null): string | undefined {
  const list = useQuery({
    queryKey: ['detectors'],
    queryFn: ({ signal }) => request<DetectorList>('/detectors', { signal }),
    staleTime: 300_000,
    enabled: id !== null,
  });
  return id === null ? undefined : list.data?.items.find((each) => each.id === id)?.title;
}
export const useDetector = (id: string) =>
  useQuery({
    queryKey: ['detectors', 'one', id],
    queryFn: ({ signal }) => request<DetectorDetail>(`/detectors/${encodeURIComponent(id)}`, { signal }),
  });

export const useSources = () =>
  useQuery({
    queryKey: ['sources'],
    queryFn: ({ signal }) => request<{ items: SourceView[] }>('/sources', { signal }),
    refetchInterval: 10_000,
  });
export const useUnparsed = (name: string, enabled: boolean) =>
  useQuery({
    queryKey: ['unparsed', name],
    queryFn: ({ signal }) =>
      request<{ items: UnparsedLine[] }>(`/sources/${encodeURIComponent(name)}/unparsed`, { signal }),
    enabled,
  });

export const useAudit = (filters: Record<string, string | undefined>) =>
  useInfiniteQuery(list<AuditRecord>('audit', '/audit', filters));

export const useCheckpoint = () =>
  useQuery({
    queryKey: ['audit', 'checkpoint'],
    queryFn: ({ signal }) => request<CheckpointView>('/audit/checkpoint', { signal }),
    refetchInterval: NOW_AND_THEN,
  });

export const useMailbox = () => useInfiniteQuery(list<MailRow>('mailbox', '/mailbox', {}, NOW_AND_THEN));
export const useMail = (id: string) =>
  useQuery({
    queryKey: ['mailbox', 'one', id],
    queryFn: ({ signal }) => request<MailMessage>(`/mailbox/${encodeURIComponent(id)}`, { signal }),
  });
