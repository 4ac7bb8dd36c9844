import { MemoryLogEngine } from '#libs/core/log/testing';
import { derivationConditions, generationConditions } from './testing/index.js';

const subject = { open: () => Promise.resolve(new MemoryLogEngine()), mark: 'c', runs: 20 };

generationConditions('in memory', subject);
derivationConditions('in memory', subject);
