// A client of the API as anybody would make it: everything it knows of requests and answers comes from the OpenAPI document.
// Its argument is the API's URL, where registration is open.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import createClient, { type Middleware } from 'openapi-fetch';
import type { components, paths } from './api.js';

type Schemas = components['schemas'];

const url = process.argv[2];
assert(url, 'the URL of the API is missing');
const api = createClient<paths>({ baseUrl: url });

/** Compares, with what the types say may be there. */
const equal = <T>(actual: T, expected: NoInfer<T>, message?: string): void =>
    assert.deepEqual(actual, expected, message);

/** What a request was answered, or why it was not done. */
const done = <T>({ data, error, response }: { data?: T; error?: unknown; response: Response }): T => {
    assert(response.ok && data !== undefined, `${response.url}: ${response.status} ${JSON.stringify(error)}`);
    return data;
};

/** The problem of a request that must be refused so. It has to be one by its type, too. */
const refused = (
    { error, response }: { error?: Schemas['Problem']; response: Response },
    status: number,
    code: string,
): Schemas['Problem'] => {
    assert(error, `${response.url}: ${response.status}`);
    equal([response.status, error.status, error.code], [status, status, code], error.detail);
    equal(response.headers.get('x-request-id'), error.request_id);
    return error;
};

/** The rows of all pages. */
const walk = async <T>(page: (cursor?: string) => Promise<{ data: T[]; next_cursor: string | null }>): Promise<T[][]> => {
    const pages: T[][] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
        const { data, next_cursor } = await page(cursor);
        pages.push(data);
        cursor = next_cursor;
    }
    return pages;
};

// Somebody registers an organization, and signs in.
const email = `ana.${randomUUID()}@example.com`;
const password = 'correct horse battery';
const owner = { name: 'Ana Lima', email, password };
const registered = done(await api.POST('/v1/organizations', { body: { name: 'Lima & Co', owner } }));
refused(await api.GET('/v1/me'), 401, 'access.unauthenticated');
refused(await api.POST('/v1/sessions', { body: { email, password: 'wrong' } }), 401, 'session.invalid_credentials');
const session = done(await api.POST('/v1/sessions', { body: { email, password } }));
equal(session.organization_id, registered.organization_id);
const signedIn: Middleware = {
    onRequest: ({ request }) => request.headers.set('authorization', `Bearer ${session.access_token}`),
};
api.use(signedIn);
const me = done(await api.GET('/v1/me'));
equal([me.id, me.email], [registered.user_id, email]);

// A contact is created once, however often it is sent.
const ana: Schemas['NewContact'] = {
    name: 'Ana Lima',
    email: 'ana@example.com',
    address: { city: 'Lisboa', country: 'PT' },
    tags: ['vip'],
    attributes: { shoe_size: 38 },
};
const header = { 'Idempotency-Key': randomUUID() };
const first = await api.POST('/v1/contacts', { params: { header }, body: ana });
const second = await api.POST('/v1/contacts', { params: { header }, body: ana });
const { id } = done(first);
equal(done(second), done(first));
equal(first.response.headers.get('idempotency-replayed'), null);
equal(second.response.headers.get('idempotency-replayed'), 'true');
const reused = await api.POST('/v1/contacts', { params: { header }, body: { name: 'Bo' } });
refused(reused, 422, 'idempotency.key_reused');
const invalid = refused(await api.POST('/v1/contacts', { body: { name: 'Bo', email: 'nowhere' } }), 422, 'request.invalid');
equal(invalid.errors?.map(({ pointer, code }) => [pointer, code]), [['/email', 'email.invalid']]);

// Nobody overwrites what somebody else has changed.
const path = { id };
const read = await api.GET('/v1/contacts/{id}', { params: { path } });
const etag = read.response.headers.get('etag');
const { name, address, attributes } = done(read);
equal([name, address?.city, attributes, etag], ['Ana Lima', 'Lisboa', { shoe_size: 38 }, '"1"']);
assert(etag);
const unchanged = await api.GET('/v1/contacts/{id}', { params: { path, header: { 'If-None-Match': etag } } });
equal(unchanged.response.status, 304);
const match = { path, header: { 'If-Match': etag } };
const patch: Schemas['ContactPatch'] = { phone: '+351 21 123 4567', attributes: { shoe_size: null, language: 'pt' } };
assert(done(await api.PATCH('/v1/contacts/{id}', { params: match, body: patch })).version > 1);
const stale = await api.PATCH('/v1/contacts/{id}', { params: match, body: { name: 'Bo' } });
refused(stale, 412, 'version.stale');
const changed = done(await api.GET('/v1/contacts/{id}', { params: { path } }));
equal([changed.name, changed.phone, changed.attributes], ['Ana Lima', '+351211234567', { language: 'pt' }]);

// Many are created at once. The list shows them, page by page.
const names = ['Bo', 'Cleo', 'Dora', 'Emil', 'Finn'];
const operations = names.map((name): Schemas['ContactOperation'] => ({ op: 'create', data: { name, tags: ['crew'] } }));
const doubled: Schemas['ContactOperation'] = { op: 'create', data: { name: 'Ana', email: 'ANA@example.com' } };
const batch = done(await api.POST('/v1/contacts/batch', { body: { operations: [...operations, doubled] } }));
const outcomes = batch.data.map((answer) => ('code' in answer ? answer.code : answer.status));
equal(outcomes, [201, 201, 201, 201, 201, 'contact.email_taken']);
assert(batch.consistency);
const seen = { 'Fairlead-Consistency': batch.consistency };
const pages = await walk(async (cursor) => {
    const query = { filter: 'tag:crew', sort: 'name', limit: 2, cursor } as const;
    return done(await api.GET('/v1/contacts', { params: { query, header: seen } }));
});
equal(pages.map((page) => page.map(({ name }) => name)), [['Bo', 'Cleo'], ['Dora', 'Emil'], ['Finn']]);
const mistaken = await api.GET('/v1/contacts', { params: { query: { filter: 'colour:red' } } });
equal(refused(mistaken, 422, 'request.invalid').errors?.[0]?.parameter, 'filter');

// What was deleted is not there, until it is restored.
const deleted = done(await api.DELETE('/v1/contacts/{id}', { params: { path } }));
refused(await api.GET('/v1/contacts/{id}', { params: { path } }), 404, 'contact.not_found');
const hidden = done(await api.GET('/v1/contacts/{id}', { params: { path, query: { deleted: true } } }));
equal([hidden.deleted, hidden.version], [true, deleted.version]);
const restored = done(await api.POST('/v1/contacts/{id}/restore', { params: { path } }));
equal(restored.version, deleted.version + 1);

// The log tells all of it, in order; the record's own history does likewise.
assert(restored.consistency);
const told = { 'Fairlead-Consistency': restored.consistency };
const events: Schemas['Event'][] = [];
for (let after = 0, more = true; more; ) {
    const query = { after, limit: 5, aggregate: 'contact' };
    const page = done(await api.GET('/v1/events', { params: { query, header: told } }));
    events.push(...page.data);
    [after, more] = [page.next_after, page.has_more];
}
const types = (of: string) => events.filter(({ subject }) => subject === of).map(({ type }) => type);
equal(events.length, types(id).length + names.length);
equal([types(id)[0], types(id).at(-2), types(id).at(-1)], ['contact.created', 'contact.deleted', 'contact.restored']);
assert(events.every(({ tenantid, actor }) => tenantid === session.organization_id && actor === `user:${me.id}`));
const history = done(await api.GET('/v1/contacts/{id}/events', { params: { path } }));
equal(history.data.map(({ type, streamversion }) => [type, streamversion]), types(id).map((type, n) => [type, n + 1]));
const timeline = done(await api.GET('/v1/contacts/{id}/timeline', { params: { path, query: { limit: 1 }, header: told } }));
equal([timeline.data[0]?.type, timeline.has_more], ['contact.restored', true]);

// What ends has no body. Every process hears of it within milliseconds.
const ended = await api.POST('/v1/sessions/sign_out');
equal([ended.response.status, ended.error], [204, undefined]);
let late = await api.GET('/v1/me');
for (const deadline = Date.now() + 10_000; late.response.ok && Date.now() < deadline; late = await api.GET('/v1/me')) {
    await wait(10);
}
refused(late, 401, 'session.ended');

// What the types must refuse; nobody calls it.
export const mistakes = (): unknown => [
    // @ts-expect-error: a contact has a name
    api.POST('/v1/contacts', { body: { email: 'ana@example.com' } }),
    // @ts-expect-error: and no colour
    ({ name: 'Ana', colour: 'red' }) satisfies Schemas['NewContact'],
    // @ts-expect-error: names can't be removed
    api.PATCH('/v1/contacts/{id}', { params: { path }, body: { name: null } }),
    // @ts-expect-error: lists take no such parameter
    api.GET('/v1/contacts', { params: { query: { colour: 'red' } } }),
    // @ts-expect-error: nothing is read without saying what
    api.GET('/v1/contacts/{id}'),
    // @ts-expect-error: there is no such operation
    api.PUT('/v1/contacts/{id}', { params: { path } }),
    // @ts-expect-error: a batch knows no such verb
    ({ op: 'paint', id }) satisfies Schemas['ContactOperation'],
    // @ts-expect-error: and what exists is named
    ({ op: 'delete' }) satisfies Schemas['ContactOperation'],
    // @ts-expect-error: members are active or invited
    'gone' satisfies Schemas['Membership']['status'],
];

console.log('ok');
