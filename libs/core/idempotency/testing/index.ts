export { answerStoreContract, type AnswerStoreUnderTest } from './answer-store-contract.js';
export { MemoryAnswerStore } from './memory-answer-store.js';
