export { AnswerStore, type KeptRequest } from './answer-store.js';
export { outcomeUnknown, type KeyedRequest, type RememberedRequest } from './keyed-request.js';
export { OnceByKey, type Attempt } from './once-by-key.js';
