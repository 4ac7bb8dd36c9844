export { ContractContext, type LogPromise, type OpenedLog, type OpenLog } from './contract/contract-context.js';
export { LOG_ENGINE_PROMISES, logEngineContract, logEnginePromise } from './log-engine-contract.js';
export { LogFaults, type LogFault, type WriteCall } from './log-faults.js';
export { breachesOf, type HistoryRead, type HistoryWrite } from './log-history.js';
export { MemoryLogEngine, type MemoryLogOptions } from './memory-engine.js';
export { MemoryLogStorage } from './memory-storage.js';
export { MemoryTopicNames } from './memory-topic-names.js';
export { WallClock } from './wall-clock.js';
export { topicNamesSuite, type TopicNamesSubject } from './topic-names-suite.js';
