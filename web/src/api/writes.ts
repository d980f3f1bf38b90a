/** What people do, as mutations: the answer replaces what is on the screen, and what else shows it is asked for again. */
import { type UseMutationResult, useMutation, useQueryClient } from '@tanstack/react-query';
import { request } from './client';
import { changePath, incidentQuery, type MatterPath } from './queries';
import type {
  AlertView,
  ChangeProposal,
  ChangeView,
  Incident,
  IncidentNoticeKind,
  IncidentView,
  Notice,
  NoticeFacts,
  NoticeView,
  Receipt,
} from './types';
import { writeVersioned } from './versioned';

export interface IncidentWrite {
  /** Below `/incidents/{id}`. */
  path: string;
  body?: unknown;
  /** The part of the incident that the decision is about; without it the write does not depend on what was seen. */
  touches?: (incident: Incident) => unknown;
}

export function useIncidentWrite(id: string): UseMutationResult<IncidentView, Error, IncidentWrite> {
  const client = useQueryClient();
  const { queryKey } = incidentQuery(id);
  return useMutation({
    mutationFn: async ({ path, body = {}, touches }: IncidentWrite) => {
      const send = (version?: number) =>
        request<IncidentView>(`/incidents/${encodeURIComponent(id)}${path}`, {
          method: 'POST',
          body,
          version,
        });
      const seen = client.getQueryData<IncidentView>(queryKey);
      if (touches === undefined || seen === undefined) return send();
      return writeVersioned({
        seen,
        read: () => client.fetchQuery({ ...incidentQuery(id), staleTime: 0 }),
        version: (view) => view.incident.version,
        touches: (view) => touches(view.incident),
        send,
      });
    },
    onSuccess: (view) => {
      client.setQueryData(queryKey, view);
      void client.invalidateQueries({ queryKey: [...queryKey, 'clocks'] });
      void client.invalidateQueries({ queryKey: [...queryKey, 'reports'] });
      for (const name of ['timeline', 'incidents', 'obligations', 'overview']) {
        void client.invalidateQueries({ queryKey: [name] });
      }
    },
    onError: () => void client.invalidateQueries({ queryKey }),
  });
}

/** Acknowledging is the one thing shown before the server has answered: it only ever adds a name, and seconds count. */
export function useAcknowledgeIncident(id: string, me: string) {
  const client = useQueryClient();
  const { queryKey } = incidentQuery(id);
  return useMutation({
    mutationFn: () =>
      request<IncidentView>(`/incidents/${encodeURIComponent(id)}/acknowledge`, { method: 'POST', body: {} }),
    onMutate: () => {
      const before = client.getQueryData<IncidentView>(queryKey);
      if (before) {
        client.setQueryData<IncidentView>(queryKey, {
          ...before,
          incident: {
            ...before.incident,
            acknowledgement: {
              state: 'acknowledged',
              by: { kind: 'person', user: me },
              at: new Date().toISOString(),
            },
          },
        });
      }
      return { before };
    },
    onError: (_fault, _none, kept) => {
      if (kept?.before) client.setQueryData(queryKey, kept.before);
    },
    onSuccess: (view) => client.setQueryData(queryKey, view),
    onSettled: () => {
      for (const name of ['timeline', 'incidents', 'overview'])
        void client.invalidateQueries({ queryKey: [name] });
    },
  });
}

export interface AlertWrite {
  path: '/acknowledge' | '/resolve' | '/open-incident' | '/attach';
  body?: unknown;
  version?: number;
}

export function useAlertWrite(id: string): UseMutationResult<AlertView, Error, AlertWrite> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ path, body = {}, version }: AlertWrite) =>
      request<AlertView>(`/alerts/${encodeURIComponent(id)}${path}`, { method: 'POST', body, version }),
    onSuccess: (view) => client.setQueryData(['alert', id], view),
    onSettled: () => {
      for (const name of ['alerts', 'incidents', 'overview'])
        void client.invalidateQueries({ queryKey: [name] });
    },
    onError: () => void client.invalidateQueries({ queryKey: ['alert', id] }),
  });
}

export interface NoticeWrite {
  method?: 'POST' | 'PUT';
  path: '' | '/submit' | '/approve' | '/return' | '/discard' | '/comments';
  body?: unknown;
  version?: number;
}

export function useNoticeWrite(id: string): UseMutationResult<NoticeView, Error, NoticeWrite> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ method = 'POST', path, body = {}, version }: NoticeWrite) =>
      request<NoticeView>(`/notices/${encodeURIComponent(id)}${path}`, { method, body, version }),
    onSuccess: (view) => {
      client.setQueryData(['notice', id], view);
      void client.invalidateQueries({ queryKey: ['letter'] });
    },
    onError: () => void client.invalidateQueries({ queryKey: ['notice', id] }),
    onSettled: () => {
      for (const name of ['incident', 'change', 'changes', 'obligations', 'overview', 'deliveries']) {
        void client.invalidateQueries({ queryKey: [name] });
      }
    },
  });
}

/** Sends one customer's letter to the reader alone. */
export function useDryRun(notice: string) {
  return useMutation({
    mutationFn: (customer: string) =>
      request<{ recipient: string }>(`/notices/${encodeURIComponent(notice)}/dry-run`, {
        method: 'POST',
        body: { customer },
      }),
  });
}

/** Answers what a recipient asked on the portal. */
export function useAnswer(matter: MatterPath) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ letter, number, text }: { letter: string; number: number; text: string }) =>
      request<Receipt>(`/letters/${encodeURIComponent(letter)}/questions/${number}/answer`, {
        method: 'POST',
        body: { text },
      }),
    onSettled: () => {
      void client.invalidateQueries({ queryKey: ['receipts', matter] });
      void client.invalidateQueries({ queryKey: ['timeline'] });
    },
  });
}

/** Begins a notice on an incident. */
export function useBeginNotice() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ incident, kind }: { incident: string; kind: IncidentNoticeKind }) =>
      request<NoticeView>(`/incidents/${encodeURIComponent(incident)}/notices`, {
        method: 'POST',
        body: { kind },
      }),
    onSuccess: (view) => {
      client.setQueryData(['notice', view.notice.id], view);
      for (const name of ['incident', 'obligations', 'timeline'])
        void client.invalidateQueries({ queryKey: [name] });
    },
  });
}

/** Somebody proposes a change. */
export function useProposeChange() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (proposal: ChangeProposal) =>
      request<ChangeView>('/changes', { method: 'POST', body: proposal }),
    onSuccess: (view) => {
      client.setQueryData(['change', view.change.id], view);
      void client.invalidateQueries({ queryKey: ['changes'] });
    },
  });
}

export interface ChangeWrite {
  method?: 'POST' | 'PUT';
  path: '' | '/assess' | '/agree' | '/withdraw';
  body?: unknown;
  version: number;
}

export function useChangeWrite(id: string): UseMutationResult<ChangeView, Error, ChangeWrite> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ method = 'POST', path, body = {}, version }: ChangeWrite) =>
      request<ChangeView>(`${changePath(id)}${path}`, { method, body, version }),
    onSuccess: (view) => client.setQueryData(['change', id], view),
    onError: () => void client.invalidateQueries({ queryKey: ['change', id] }),
    onSettled: () => {
      for (const name of ['changes', 'timeline', 'notice', 'letter'])
        void client.invalidateQueries({ queryKey: [name] });
    },
  });
}

/** Begins the notice of a change, with what the register says of it. */
export function useBeginChangeNotice(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (facts: Partial<NoticeFacts>) =>
      request<Notice>(`${changePath(id)}/notices`, { method: 'POST', body: { facts } }),
    onSuccess: () => {
      for (const name of ['change', 'timeline']) void client.invalidateQueries({ queryKey: [name] });
    },
  });
}
