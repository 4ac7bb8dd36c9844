export { DataPlaneCalls } from './data-plane-calls.js';
