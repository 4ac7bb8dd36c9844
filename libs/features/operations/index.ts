export { GroupLagCause } from './group-lag-cause.js';
export { OperationsModule } from './operations.module.js';
export type { OperationView, PlanView } from './operation-schemas.js';
