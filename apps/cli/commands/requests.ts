import { argument, text, type Handler } from '../command.js';
import { described, listed, type Outcome } from '../outcome.js';
import { requestPath, type ChangeRequest } from '../planning/change-request.js';

/** `weir request list`: what waits for an approval, or has. */
export const list: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const items: ChangeRequest[] = [];
  for await (const one of client.pages<ChangeRequest>('/v1/change-requests', { state: text(invocation, 'state') }))
    items.push(one);
  return listed(
    'RequestList',
    items,
    [
      { title: 'id', of: ({ id }) => id },
      { title: 'state', of: ({ state }) => state },
      { title: 'title', of: ({ title }) => title },
      { title: 'by', of: ({ submitted }) => submitted.by },
      { title: 'at', of: ({ submitted }) => submitted.at },
      { title: 'decided by', wide: true, of: ({ decided }) => decided?.by },
      { title: 'subjects', wide: true, right: true, of: ({ subjects }) => subjects.length },
      { title: 'topics', wide: true, right: true, of: ({ topics }) => topics.length },
    ],
    ({ id }) => id,
    'There are no change requests. Submit one: weir plan --submit',
  );
};

/** `weir request show ID`: one, with its plan. */
export const show: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const found = await client.get<ChangeRequest & { plan: object }>(requestPath(argument(invocation, 0)));
  return described('Request', { ...found }, found.id, shownOf(found));
};

/** approve, reject, withdraw. */
export function onRequest(verb: 'approve' | 'reject' | 'withdraw'): Handler {
  return async (invocation): Promise<Outcome> => {
    const client = await (await invocation.settings()).client();
    const note = text(invocation, 'note');
    const request = await client.post<ChangeRequest>(`${requestPath(argument(invocation, 0))}:${verb}`, {
      ...(note === undefined ? {} : { note }),
      // The service judges it as it would judge the real one: whoever may not, or comes too late, is told so.
      ...(invocation.flags.dryRun ? { dryRun: true } : {}),
    });
    return described('DecidedRequest', { ...request }, request.id, shownOf(request));
  };
}

function shownOf({ id, state, title, submitted, decided, applied, subjects, topics }: ChangeRequest) {
  const step = (one: ChangeRequest['decided']): string | undefined =>
    one === null ? undefined : `${one.by}, ${one.at}${one.note === null ? '' : `: ${one.note}`}`;
  return {
    id,
    state,
    title,
    submitted: step(submitted),
    decided: step(decided),
    applied: step(applied),
    subjects,
    topics,
    ...(state === 'approved' ? { next: `weir apply --plan ${id}` } : {}),
    ...(state === 'pending' ? { next: `weir request approve ${id}` } : {}),
  };
}
