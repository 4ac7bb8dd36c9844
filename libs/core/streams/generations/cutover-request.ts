import type { JsonValue } from '#libs/core/kernel';
import type { PlanControls } from '#libs/core/operations';
import type { RequestForm } from '../request-form.js';

/** How a change is to be switched, with every default filled in. */
export interface CutoverRequest {
  readonly mode: 'automatic' | 'manual';
  /** Longest time writers are held. */
  readonly maxPauseMs: number;
  /** How long the way back is open after the switch; undefined: as the service has it for all. */
  readonly rollbackWindowMs?: number | undefined;
}

const YEAR_MS = 31_536_000_000;

/** The member `cutover` of a request; its problems go into the form. */
export function cutoverOfRequest(form: RequestForm, json: JsonValue | undefined): CutoverRequest {
  const cutover = form.object(json, 'cutover', ['mode', 'maxPauseMs', 'rollbackWindowMs']);
  const mode = form.choice(cutover['mode'], 'cutover.mode', ['auto', 'automatic', 'manual'], 'manual');
  return {
    mode: mode === 'manual' ? 'manual' : 'automatic',
    maxPauseMs: form.integer(cutover['maxPauseMs'], 'cutover.maxPauseMs', 50, 3_600_000) ?? 10_000,
    rollbackWindowMs: form.integer(cutover['rollbackWindowMs'], 'cutover.rollbackWindowMs', 0, YEAR_MS),
  };
}

/** What the engine does by itself for such a change. */
export function controlsOf({ mode, maxPauseMs, rollbackWindowMs }: CutoverRequest): PlanControls {
  return { cutover: mode, maxPauseMs, ...(rollbackWindowMs === undefined ? {} : { rollbackWindowMs }) };
}
