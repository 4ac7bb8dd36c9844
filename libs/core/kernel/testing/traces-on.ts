import { getEventListeners } from 'node:events';

/** How many follow a signal: its listeners, and the signals that `AbortSignal.any` made of it, which the runtime keeps by itself. */
export function tracesOn(signal: AbortSignal): number {
  const key = Object.getOwnPropertySymbols(signal).find((one) => one.description === 'kDependantSignals');
  const made =
    key === undefined ? undefined : (signal as unknown as Record<symbol, { readonly size: number } | null>)[key];
  return getEventListeners(signal, 'abort').length + (made?.size ?? 0);
}
