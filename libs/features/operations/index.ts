export { GroupLagCause } from './group-lag-cause.js';
export { OperationsModule } from './operations.module.js';
