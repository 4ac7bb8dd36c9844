import { logEngineContract } from '#libs/core/log/testing';
import { openTestLog } from './testing/index.js';

logEngineContract('Apache Kafka', openTestLog);
