export { openTestEngine, openTestLog, testServers } from './open-test-log.js';
