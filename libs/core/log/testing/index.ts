export { LogFaults, type LogFault, type WriteCall } from './log-faults.js';
export { MemoryLogEngine, type MemoryLogOptions } from './memory-engine.js';
export { MemoryLogStorage } from './memory-storage.js';
export { MemoryTopicNames } from './memory-topic-names.js';
export { WallClock } from './wall-clock.js';
export { topicNamesSuite, type TopicNamesSubject } from './topic-names-suite.js';
