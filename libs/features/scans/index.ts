export { ScansModule } from './scans.module.js';
export type { ReplayView } from './replay-shapes.js';
export type { ScanPlanView } from './scan-plan-view.js';
export type { CensusView, IdUsageView, UsageView } from './usage-shapes.js';
