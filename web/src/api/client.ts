/**
 * Speaks to /api/v1: takes a path and a body, gives JSON or an `ApiError`. Sends the CSRF token with every write. Knows nothing of
 * screens, but goes to the sign-in page when the session has ended.
 */
import type { Problem } from './types';

/** The server refused, or could not be reached (`status` 0). */
export class ApiError extends Error {
  readonly status: number;
  /** Which problem it is: `urn:watchkeeper:problem:…`. */
  readonly kind: string;
  /** What is wrong with which field of what was sent. */
  readonly faults: readonly { field: string; detail: string }[];
  /** The state that stands, when somebody else was faster or it does not allow the step (409). */
  readonly current: unknown;
  readonly title: string;

  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.name = 'ApiError';
    this.status = problem.status;
    this.kind = problem.type;
    this.title = problem.title;
    this.faults = problem.faults ?? [];
    this.current = problem.current;
  }

  /** Whether what was written was based on a state that no longer stands. */
  get isConflict(): boolean {
    return this.kind === 'urn:watchkeeper:problem:conflict';
  }

  /** What is wrong with `field`, to be shown beside it. */
  fault(field: string): string | undefined {
    const said = this.faults.filter((fault) => fault.field === field).map((fault) => fault.detail);
    return said.length > 0 ? said.join('; ') : undefined;
  }

  /** What is wrong with fields that the form does not show beside them. */
  otherFaults(shown: readonly string[]): string[] {
    return this.faults
      .filter((fault) => !shown.includes(fault.field))
      .map((fault) => `${fault.field}: ${fault.detail}`);
  }
}

/** Where the browser goes when the session has ended; replaced by tests. */
export const leave = {
  toSignIn(): void {
    window.location.assign('/login');
  },
};

let csrfToken = '';
/** The token that writes carry, from GET /session. */
export function setCsrfToken(token: string): void {
  csrfToken = token;
}

export interface RequestOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  body?: unknown;
  /** The version that the change is based on. */
  version?: number;
  /** Sends `body` as it is, with this type, instead of as JSON. */
  contentType?: string;
  signal?: AbortSignal;
}

/** One request. Rejects with `ApiError`. */
export async function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const response = await send(path, options);
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

/** Asks for a file by a POST and lets the browser keep it under the name that the server gives it. Rejects with `ApiError`. */
export async function download(path: string, body: unknown): Promise<string> {
  const response = await send(path, { method: 'POST', body });
  const named = /filename="([^"]+)"/.exec(response.headers.get('Content-Disposition') ?? '');
  const address = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = address;
  link.download = named?.[1] ?? 'download';
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  return link.download;
}

async function send(path: string, options: RequestOptions): Promise<Response> {
  const { method = 'GET', body, version, contentType, signal } = options;
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (method !== 'GET') headers['X-CSRF-Token'] = csrfToken;
  if (version !== undefined) headers['If-Match'] = `"${version}"`;
  let payload: string | undefined;
  if (contentType !== undefined) {
    headers['Content-Type'] = contentType;
    payload = String(body);
  } else if (body !== undefined) {
    headers['Content-Type'] = 'application/json';
    payload = JSON.stringify(body);
  }
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      headers,
      body: payload,
      signal,
      credentials: 'same-origin',
    });
  } catch (fault) {
    if (signal?.aborted) throw fault;
    throw new ApiError({
      type: 'about:blank',
      title: 'The server cannot be reached',
      status: 0,
      detail: 'the server cannot be reached; check the connection and try again',
    });
  }
  if (response.status === 401) leave.toSignIn();
  if (!response.ok) throw new ApiError(await problemOf(response));
  return response;
}

async function problemOf(response: Response): Promise<Problem> {
  const plain: Problem = {
    type: 'about:blank',
    title: response.statusText || `HTTP ${response.status}`,
    status: response.status,
    detail: `the server answered ${response.status} ${response.statusText}`.trim(),
  };
  if (!response.headers.get('Content-Type')?.includes('json')) return plain;
  try {
    return { ...plain, ...((await response.json()) as Partial<Problem>), status: response.status };
  } catch {
    return plain;
  }
}

/** A query string of what is set; empty values are left out. */
export function query(parameters: Record<string, string | number | boolean | null | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== '') search.set(name, String(value));
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}
