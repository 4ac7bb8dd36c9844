export { ManualClock } from './manual-clock.js';
export { tracesOn } from './traces-on.js';
