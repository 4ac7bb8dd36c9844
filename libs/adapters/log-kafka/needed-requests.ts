import * as api from './client.js';
import { electLeadersApi } from './wire-elect-leaders.js';
import { fetchApi } from './wire-fetch.js';
import { produceApi } from './wire-produce.js';

/** Every request this adapter makes, at the version it makes it: a cluster that lacks one is refused when it is opened. Optional ones are left out: see `KafkaCluster.supports`. */
export const NEEDED_REQUESTS: readonly { readonly key: number; readonly version: number }[] = [
  produceApi,
  fetchApi,
  api.listOffsets,
  api.metadata,
  api.offsetCommit,
  api.offsetFetch,
  api.findCoordinator,
  api.describeGroups,
  api.listGroups,
  api.joinGroup,
  api.syncGroup,
  api.heartbeat,
  api.leaveGroup,
  api.createTopics,
  api.deleteTopics,
  api.initProducerId,
  api.addPartitionsToTxn,
  api.addOffsetsToTxn,
  api.endTxn,
  api.txnOffsetCommit,
  api.createAcls,
  api.deleteAcls,
  api.describeAcls,
  api.describeConfigs,
  api.describeLogDirs,
  api.createPartitions,
  api.deleteGroups,
  api.deleteRecords,
  api.incrementalAlterConfigs,
  api.alterPartitionReassignments,
  api.listPartitionReassignments,
  electLeadersApi,
];
