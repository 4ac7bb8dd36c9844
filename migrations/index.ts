import { Registry1764100000001 } from './0001-registry.js';
import { Operations1764100000002 } from './0002-operations.js';
import { TopicNamesAndDerivations1764100000004 } from './0004-topic-names-and-derivations.js';
import { Views1764100000005 } from './0005-views.js';
import { RegistryFeedAndPlans1764100000010 } from './0010-registry-feed-and-plans.js';
import { RegistryAssociations1764100000011 } from './0011-registry-associations.js';
import { RegistryTerms1764100000014 } from './0014-registry-terms.js';
import { RegistryImports1764100000016 } from './0016-registry-imports.js';
import { ScanParts1764100000017 } from './0017-scan-parts.js';
import { RegistryDigests1764100000018 } from './0018-registry-digests.js';
import { TopicGuards1764100000025 } from './0025-topic-guards.js';
import { ServiceKeys1764100000026 } from './0026-service-keys.js';
import { TopicPlaces1764100000031 } from './0031-topic-places.js';
import { TopicPartitioners1764100000033 } from './0033-topic-partitioners.js';
import { OperationSubjects1764100000036 } from './0036-operation-subjects.js';
import { ViewVersions1764100000037 } from './0037-view-versions.js';
import { RegistryVersionGuids1764100000038 } from './0038-registry-version-guids.js';
import { ChangeRequests1764100000039 } from './0039-change-requests.js';
import { ViewEvolution1764100000040 } from './0040-view-evolution.js';
import { KeptAnswers1764100000041 } from './0041-kept-answers.js';
import type { MigrationInterface } from 'typeorm';

interface MigrationClass {
  readonly name: string;
  new (): MigrationInterface;
}

/** Every migration, oldest first. Append only: a released migration is history and is never changed. */
export const MIGRATIONS: MigrationClass[] = [
  // One line each, in the order of their timestamps.
  Registry1764100000001,
  Operations1764100000002,
  TopicNamesAndDerivations1764100000004,
  Views1764100000005,
  RegistryFeedAndPlans1764100000010,
  RegistryAssociations1764100000011,
  RegistryTerms1764100000014,
  RegistryImports1764100000016,
  ScanParts1764100000017,
  RegistryDigests1764100000018,
  TopicGuards1764100000025,
  ServiceKeys1764100000026,
  TopicPlaces1764100000031,
  TopicPartitioners1764100000033,
  OperationSubjects1764100000036,
  ViewVersions1764100000037,
  RegistryVersionGuids1764100000038,
  ChangeRequests1764100000039,
  ViewEvolution1764100000040,
  KeptAnswers1764100000041,
];
