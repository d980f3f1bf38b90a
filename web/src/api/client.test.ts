import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError, download, leave, query, request, setCsrfToken } from './client';

const fetched = vi.fn<typeof fetch>();
beforeEach(() => {
  vi.stubGlobal('fetch', fetched);
  setCsrfToken('token-1');
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  fetched.mockReset();
});

function answer(status: number, body: unknown, type = 'application/problem+json') {
  fetched.mockResolvedValueOnce(
    new Response(typeof body === 'string' ? body : JSON.stringify(body), {
      status,
      headers: { 'Content-Type': type },
    }),
  );
}
async function refused(promise: Promise<unknown>): Promise<ApiError> {
  const fault = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(fault).toBeInstanceOf(ApiError);
  return fault as ApiError;
}
const sent = () => fetched.mock.calls[0]?.[1] as RequestInit & { headers: Record<string, string> };

describe('a request', () => {
  it('that only reads carries no token', async () => {
    answer(200, { items: [] }, 'application/json');
    await request('/incidents');
    expect(fetched.mock.calls[0]?.[0]).toBe('/api/v1/incidents');
    expect(sent().headers['X-CSRF-Token']).toBeUndefined();
  });

  it('that writes carries the token and the version it is based on', async () => {
    answer(200, {}, 'application/json');
    await request('/incidents/inc_1/phase', { method: 'POST', body: { phase: 'contain' }, version: 7 });
    expect(sent().headers['X-CSRF-Token']).toBe('token-1');
    expect(sent().headers['If-Match']).toBe('"7"');
    expect(sent().body).toBe('{"phase":"contain"}');
  });

  it('sends CSV as it is', async () => {
    answer(200, {}, 'application/json');
    await request('/customers/import?commit=false', {
      method: 'POST',
      body: 'key,name',
      contentType: 'text/csv',
    });
    expect(sent().body).toBe('key,name');
    expect(sent().headers['Content-Type']).toBe('text/csv');
  });

  it('gives nothing back where the server has nothing to say', async () => {
    fetched.mockResolvedValueOnce(new Response(null, { status: 204 }));
    expect(await request('/tokens/tok_1', { method: 'DELETE' })).toBeUndefined();
  });
});

describe('a refusal', () => {
  it('shows each fault beside its field, and the rest together', async () => {
    answer(422, {
      title: 'Cannot be done',
      status: 422,
      detail: 'two fields are wrong',
      faults: [
        { field: 'email', detail: 'is not an address' },
        { field: 'roles', detail: 'name at least one' },
      ],
    });
    const fault = await refused(request('/users', { method: 'POST', body: {} }));
    expect(fault.message).toBe('two fields are wrong');
    expect(fault.fault('email')).toBe('is not an address');
    expect(fault.fault('name')).toBeUndefined();
    expect(fault.otherFaults(['email'])).toEqual(['roles: name at least one']);
  });

  it('of a stale version is a conflict and carries what stands', async () => {
    answer(409, {
      type: 'urn:watchkeeper:problem:conflict',
      title: 'Changed',
      status: 409,
      detail: 'it is at version 8',
      current: { version: 8 },
    });
    const fault = await refused(request('/incidents/inc_1/phase', { method: 'POST', body: {}, version: 7 }));
    expect(fault.isConflict).toBe(true);
    expect(fault.current).toEqual({ version: 8 });
  });

  it('without a session leads to the sign-in page', async () => {
    const left = vi.spyOn(leave, 'toSignIn').mockImplementation(() => undefined);
    answer(401, { title: 'Signed out', status: 401, detail: 'sign in' });
    await refused(request('/overview'));
    expect(left).toHaveBeenCalledOnce();
  });

  it('by something that does not speak problem+json still says the status', async () => {
    answer(502, '<html>Bad gateway</html>', 'text/html');
    const fault = await refused(request('/overview'));
    expect(fault.status).toBe(502);
    expect(fault.message).toContain('502');
  });

  it('by the network says what to check', async () => {
    fetched.mockRejectedValueOnce(new TypeError('failed to fetch'));
    const fault = await refused(request('/overview'));
    expect(fault.status).toBe(0);
    expect(fault.message).toContain('check the connection');
  });
});

describe('a query string', () => {
  it('leaves out what is not set', () => {
    expect(query({ open: true, q: '', after: null, severity: 'sev1,sev2' })).toBe(
      '?open=true&severity=sev1%2Csev2',
    );
    expect(query({})).toBe('');
  });
});

describe('a file that is taken away', () => {
  it('is kept under the name that the server gives it', async () => {
    URL.createObjectURL = vi.fn(() => 'blob:1');
    URL.revokeObjectURL = vi.fn();
    let kept = '';
    vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
      kept = `${this.download} ${this.href}`;
    });
    fetched.mockResolvedValueOnce(
      new Response('PK', {
        headers: { 'Content-Disposition': 'attachment; filename="watchkeeper-pack-INC-0042.zip"' },
      }),
    );
    await download('/packs', { incident: 'inc_1' });
    expect(sent().headers['X-CSRF-Token']).toBe('token-1');
    expect(kept).toBe('watchkeeper-pack-INC-0042.zip blob:1');
  });

  it('that the server refuses is a fault and no file', async () => {
    const click = vi.spyOn(HTMLAnchorElement.prototype, 'click');
    answer(422, { title: 'No', detail: 'the period ends before it begins' });
    const fault = await refused(download('/packs', {}));
    expect(fault.message).toBe('the period ends before it begins');
    expect(click).not.toHaveBeenCalled();
  });
});
