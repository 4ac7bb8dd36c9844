/**
 * The only door to the client library: its connections (TLS, SASL, framing) and its protocol definitions, each at the one version this
 * adapter speaks. Its producer, consumer and admin stay outside: see "guard rails" in the README.
 *
 * Every version here is served by 3.9, 4.1 and 4.3 and addresses topics by name. AddPartitionsToTxn 3 is the highest an ordinary principal
 * may use on a cluster with an authorizer. What the second transaction protocol needs beside them is in wire-transactions.ts.
 */
import './with-resolvers.js';
import {
  addOffsetsToTxnV3,
  addPartitionsToTxnV3,
  alterPartitionReassignmentsV0,
  apiVersionsV3,
  createAPI,
  consumerGroupDescribeV0,
  createAclsV3,
  createPartitionsV3,
  createTopicsV7,
  deleteAclsV3,
  deleteGroupsV2,
  deleteRecordsV2,
  deleteTopicsV6,
  describeAclsV3,
  describeConfigsV4,
  describeGroupsV5,
  describeLogDirsV4,
  endTxnV3,
  findCoordinatorV4,
  heartbeatV4,
  incrementalAlterConfigsV1,
  initProducerIdV4,
  joinGroupV9,
  leaveGroupV5,
  listGroupsV4,
  listOffsetsV7,
  listPartitionReassignmentsV0,
  metadataV12,
  offsetCommitV8,
  offsetFetchV8,
  syncGroupV5,
  txnOffsetCommitV3,
  txnOffsetCommitV4,
} from '@platformatic/kafka';

export { Connection, createAPI, Reader, Writer, type ConnectionOptions } from '@platformatic/kafka';

export const addOffsetsToTxn = addOffsetsToTxnV3.api;
export const addPartitionsToTxn = addPartitionsToTxnV3.api;
export const alterPartitionReassignments = alterPartitionReassignmentsV0.api;
export const apiVersions = apiVersionsV3.api;
export type ApiVersionsAnswer = ReturnType<typeof apiVersionsV3.parseResponse>;
export const consumerGroupDescribe = consumerGroupDescribeV0.api;
export const createAcls = createAclsV3.api;
export const createPartitions = createPartitionsV3.api;
export const createTopics = createTopicsV7.api;
export const deleteAcls = deleteAclsV3.api;
export const deleteGroups = deleteGroupsV2.api;
export const deleteRecords = deleteRecordsV2.api;
export const deleteTopics = deleteTopicsV6.api;
export const describeAcls = describeAclsV3.api;
export const describeConfigs = describeConfigsV4.api;
export const describeGroups = describeGroupsV5.api;
export const describeLogDirs = describeLogDirsV4.api;
export const endTxn = endTxnV3.api;
export const findCoordinator = findCoordinatorV4.api;
export const heartbeat = heartbeatV4.api;
export const incrementalAlterConfigs = incrementalAlterConfigsV1.api;
export const initProducerId = initProducerIdV4.api;
export const joinGroup = joinGroupV9.api;
export const leaveGroup = leaveGroupV5.api;
export const listGroups = listGroupsV4.api;
export const listOffsets = listOffsetsV7.api;
export const listPartitionReassignments = listPartitionReassignmentsV0.api;
export const metadata = metadataV12.api;
export const offsetCommit = offsetCommitV8.api;
export const offsetFetch = offsetFetchV8.api;
export const syncGroup = syncGroupV5.api;
export const txnOffsetCommit = txnOffsetCommitV3.api;
/** A later version of it with the bytes of version 4. */
export const txnOffsetCommitAt = (version: number): typeof txnOffsetCommit =>
  createAPI(txnOffsetCommit.key, version, txnOffsetCommitV4.createRequest, txnOffsetCommitV4.parseResponse);
