import { Failure } from '../failure.js';
import type { Client } from '../http/client.js';
import type { PlanFile } from '../project/plan-file.js';

/** A step of a change request, as the service tells it. */
interface Step {
  readonly by: string;
  readonly at: string;
  readonly note: string | null;
}

/** A change request, as the service tells it. */
export interface ChangeRequest {
  readonly id: string;
  readonly state: 'pending' | 'approved' | 'applied' | 'rejected' | 'withdrawn';
  readonly title: string;
  readonly submitted: Step;
  readonly decided: Step | null;
  readonly applied: Step | null;
  readonly subjects: readonly string[];
  readonly topics: readonly string[];
}

interface RequestWithPlan extends ChangeRequest {
  readonly plan: Pick<PlanFile, 'restsOn' | 'changes' | 'topics' | 'topicsRestOn'> & { readonly planHash: string };
}

/** Whether `--plan` names a request of the service and not a file. */
export function isRequestId(text: string): boolean {
  return /^cr_[0-9a-z]+$/.test(text);
}

/** Where the service has a request. */
export function requestPath(id: string): string {
  return `/v1/change-requests/${encodeURIComponent(id)}`;
}

/** Makes a plan a request that others may approve. */
export function submitted(
  client: Client,
  plan: PlanFile,
  title: string,
  note: string | undefined,
): Promise<ChangeRequest> {
  const { hash, restsOn, changes, topics, topicsRestOn } = plan;
  return client.post('/v1/change-requests', {
    title,
    ...(note === undefined ? {} : { note }),
    planHash: hash,
    restsOn,
    changes,
    topics,
    topicsRestOn,
  });
}

/** The plan of a request that may be applied: an approved one, or one that was applied, which answers as it did. @throws Failure for one that is not. */
export async function approvedPlan(client: Client, id: string): Promise<PlanFile> {
  const request = await client.get<RequestWithPlan>(requestPath(id));
  if (request.state !== 'approved' && request.state !== 'applied') {
    const { decided } = request;
    throw new Failure({
      code: 'request-not-approved',
      exit: 'conflict',
      message:
        request.state === 'pending'
          ? `${id} ('${request.title}') waits for an approval.`
          : `${id} ('${request.title}') was ${request.state} by ${decided!.by}${decided!.note === null ? '' : `: ${decided!.note}`}.`,
      hint:
        request.state === 'pending'
          ? `Somebody else than ${request.submitted.by} approves it: weir request approve ${id}`
          : 'Plan anew and submit again: weir plan --submit',
    });
  }
  const { planHash, ...plan } = request.plan;
  return { apiVersion: 'v1', kind: 'PlanFile', server: client.address, hash: planHash, blockers: [], ...plan };
}
