export { OperationCalls } from './operation-calls.js';
