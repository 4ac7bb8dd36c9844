import type { JsonObject } from '#libs/core/kernel';
import { cutoverOfRequest, type CutoverRequest } from '../generations/cutover-request.js';
import type { GenerationRequest } from '../generations/kind.js';
import type { GenerationParameters } from '../generations/parameters.js';
import { RequestForm } from '../request-form.js';
import { VERIFICATION_LEVELS, type VerificationLevel } from '../verify/verification.js';

/** What somebody wants, with every default filled in. `cluster` is where the topic is. */
export interface MoveRequest extends GenerationRequest {
  /** Cluster that the topic goes to; undefined where it stays and gets another name. */
  readonly to: string | undefined;
  /** The name it gets; undefined where it keeps its own. One of the two is given. */
  readonly name: string | undefined;
  readonly verification: VerificationLevel;
  readonly cutover: CutoverRequest;
  /** Keep the copy that is left behind current after the switch, so that the way back stays open. */
  readonly reverseTail: boolean;
}

/** What a move works with. */
export interface MoveParameters extends GenerationParameters {
  readonly targetCluster: string;
}

/**
 * Reads a request, unknown members refused by name, every problem named at once.
 * @throws `invalid-move-request`.
 */
export function parseMoveRequest(json: JsonObject): MoveRequest {
  const form = new RequestForm('move');
  const top = form.object(json, '', ['topic', 'cluster', 'to', 'name', 'verification', 'cutover', 'reverseTail']);
  const [to, name] = [form.text(top['to'], 'to'), form.text(top['name'], 'name')];
  if (to === undefined && name === undefined) form.missing('to', '');
  if (to !== undefined && name !== undefined)
    form.problem('name', "cannot be given with 'to': move the topic first and rename it then, or the other way round");
  const request: MoveRequest = {
    topic: form.text(top['topic'], 'topic') ?? form.missing('topic', ''),
    cluster: form.text(top['cluster'], 'cluster'),
    to,
    name,
    verification: form.choice(top['verification'], 'verification', VERIFICATION_LEVELS, 'readback'),
    cutover: cutoverOfRequest(form, top['cutover']),
    reverseTail: form.flag(top['reverseTail'], 'reverseTail', true),
  };
  form.demandSound();
  return request;
}
