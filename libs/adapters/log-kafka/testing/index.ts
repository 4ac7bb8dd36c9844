export { BrokerProxy, type Cut } from './broker-proxy.js';
export { openTestEngine, openTestLog, testServers } from './open-test-log.js';
