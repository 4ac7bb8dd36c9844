export {
  decided,
  REQUEST_COMMANDS,
  REQUEST_STATES,
  requestMoved,
  requestNotFound,
  tooManyOpen,
  type ChangeRequest,
  type RequestActor,
  type RequestCommand,
  type RequestState,
  type RequestStep,
  type SubmittedPlan,
} from './change-request.js';
export { ChangeRequestStore, endOf, type RequestQuery } from './change-request-store.js';
