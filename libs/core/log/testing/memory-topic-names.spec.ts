import { MemoryTopicNames } from './memory-topic-names.js';
import { topicNamesSuite } from './topic-names-suite.js';

topicNamesSuite('in memory', async () => ({ names: new MemoryTopicNames() }));
