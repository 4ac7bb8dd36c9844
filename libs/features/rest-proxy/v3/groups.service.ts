import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import {
  generationOf,
  knownOffsets,
  type GroupDescription,
  type GroupMemberDescription,
  type ResolvedTopic,
} from '#libs/core/log';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { ClusterIds, type NamedCluster } from '../cluster-ids.js';
import { nothingHere, refusal } from '../errors.js';
import { pathNumber } from '../json-members.js';
import {
  assignmentResource,
  consumerResource,
  groupResource,
  lagResource,
  lagSummaryResource,
  type Lag,
} from './group-resources.js';
import { Links } from './links.js';
import { listOf, type Resource } from './resources.js';

/** A group as its cluster tells it, with the topics the principal may read by their physical names. */
interface SeenGroup {
  readonly cluster: NamedCluster;
  readonly group: GroupDescription;
  readonly topics: ReadonlyMap<string, ResolvedTopic>;
}

/** Groups, their members and how far behind they are (section 3.6). */
@Injectable()
export class GroupsService {
  constructor(
    private readonly clusters: ClusterIds,
    private readonly authorizer: Authorizer,
  ) {}

  async list(request: FastifyRequest, id: string, principal: Principal): Promise<Resource> {
    const { engine } = await this.clusters.get(id);
    const links = Links.of(request, id);
    const coordinator = await coordinatorOf(engine);
    const shown = (await engine.listGroups()).filter(({ group }) =>
      this.authorizer.allows(principal, 'read', { kind: 'group', name: group }),
    );
    const groups: Resource[] = [];
    for (const { group } of shown)
      groups.push(groupResource(links, id, await engine.describeGroup(group), coordinator));
    return listOf('KafkaConsumerGroupList', links.to('consumer-groups'), groups);
  }

  async get(request: FastifyRequest, id: string, name: string): Promise<Resource> {
    const { engine } = await this.clusters.get(id);
    const group = await engine.describeGroup(name);
    if (isUnknown(group)) throw nothingHere();
    return groupResource(Links.of(request, id), id, group, await coordinatorOf(engine));
  }

  async consumers(request: FastifyRequest, id: string, name: string): Promise<Resource> {
    const links = Links.of(request, id);
    const { members } = await this.#group(id, name, 'does not exist');
    return listOf(
      'KafkaConsumerList',
      links.to('consumer-groups', name, 'consumers'),
      members.map((member) => consumerResource(links, id, name, member)),
    );
  }

  async consumer(request: FastifyRequest, id: string, name: string, member: string): Promise<Resource> {
    return consumerResource(Links.of(request, id), id, name, await this.#member(id, name, member));
  }

  async assignments(
    request: FastifyRequest,
    id: string,
    name: string,
    member: string,
    principal: Principal,
  ): Promise<Resource> {
    const links = Links.of(request, id);
    const assigned = await this.#assigned(id, name, member, principal);
    return listOf(
      'KafkaConsumerAssignmentList',
      links.to('consumer-groups', name, 'consumers', member, 'assignments'),
      assigned.map((one) => assignmentResource(links, id, name, member, one)),
    );
  }

  async assignment(
    request: FastifyRequest,
    id: string,
    name: string,
    member: string,
    at: { readonly topic: string; readonly partition: string },
    principal: Principal,
  ): Promise<Resource> {
    const number = pathNumber(at.partition);
    const assigned = await this.#assigned(id, name, member, principal);
    const found = assigned.find(({ topic, partition }) => topic === at.topic && partition === number);
    if (found === undefined) throw nothingHere();
    return assignmentResource(Links.of(request, id), id, name, member, found);
  }

  async lags(request: FastifyRequest, id: string, name: string, principal: Principal): Promise<Resource> {
    const links = Links.of(request, id);
    const lags = lagsOf(await this.#seen(id, name, principal));
    return listOf(
      'KafkaConsumerLagList',
      links.to('consumer-groups', name, 'lags'),
      lags.map((lag) => lagResource(links, id, name, lag)),
    );
  }

  async lag(
    request: FastifyRequest,
    id: string,
    name: string,
    at: { readonly topic: string; readonly partition: string },
    principal: Principal,
  ): Promise<Resource> {
    const number = pathNumber(at.partition);
    const lags = lagsOf(await this.#seen(id, name, principal));
    const found = lags.find(({ topic, partition }) => topic === at.topic && partition === number);
    if (found === undefined) throw nothingHere();
    return lagResource(Links.of(request, id), id, name, found);
  }

  async lagSummary(request: FastifyRequest, id: string, name: string, principal: Principal): Promise<Resource> {
    const lags = lagsOf(await this.#seen(id, name, principal));
    const [most] = lags;
    if (most === undefined) throw refusal(404, `Consumer Group ${name} could not be found.`);
    const total = lags.reduce((sum, { lag }) => sum + lag, 0);
    return lagSummaryResource(Links.of(request, id), id, name, most, total);
  }

  async #group(id: string, name: string, missing: string): Promise<GroupDescription> {
    const { engine } = await this.clusters.get(id);
    const group = await engine.describeGroup(name);
    if (isUnknown(group)) throw refusal(404, `Consumer Group ${name} ${missing}.`);
    return group;
  }

  async #seen(id: string, name: string, principal: Principal): Promise<SeenGroup> {
    const cluster = await this.clusters.get(id);
    const group = await this.#group(id, name, 'could not be found');
    const topics = (await cluster.directory.list()).filter(({ logical }) =>
      this.authorizer.allows(principal, 'read', { kind: 'topic', name: logical }),
    );
    return { cluster, group, topics: new Map(topics.map((topic) => [topic.physical, topic])) };
  }

  async #member(id: string, name: string, member: string): Promise<GroupMemberDescription> {
    const { members } = await this.#group(id, name, 'does not exist');
    const found = members.find(({ memberId }) => memberId === member);
    if (found === undefined) throw nothingHere();
    return found;
  }

  async #assigned(
    id: string,
    name: string,
    member: string,
    principal: Principal,
  ): Promise<readonly { readonly topic: string; readonly partition: number }[]> {
    return (await this.#member(id, name, member)).assignment
      .map(({ topic, partition }) => ({ topic: generationOf(topic).logical, partition }))
      .filter(({ topic }) => this.authorizer.allows(principal, 'read', { kind: 'topic', name: topic }));
  }
}

function isUnknown({ state, positions, members }: GroupDescription): boolean {
  return state === 'DEAD' && positions.length === 0 && members.length === 0;
}

/** The port does not tell which broker coordinates a group: the controller stands for it. */
async function coordinatorOf(engine: NamedCluster['engine']): Promise<number | null> {
  const { controller, brokers } = await engine.administration.describeCluster();
  return controller ?? brokers[0]?.id ?? null;
}

/** Of the partitions with a position in a present generation: the most behind first, then by topic and partition. */
function lagsOf({ group, topics }: SeenGroup): readonly Lag[] {
  const readers = new Map<string, GroupMemberDescription>();
  for (const member of group.members)
    for (const { topic, partition } of member.assignment) readers.set(`${topic}/${partition}`, member);
  const lags = group.positions.flatMap(({ topic, partition, offset }): Lag[] => {
    const resolved = topics.get(topic);
    const place = resolved?.description.partitions[partition];
    const end = place && knownOffsets(place)?.endOffset;
    if (resolved === undefined || end === undefined) return [];
    const member = readers.get(`${topic}/${partition}`);
    return [{ topic: resolved.logical, partition, offset, end, lag: Math.max(0, end - offset), member }];
  });
  return lags.sort(
    (a, b) => b.lag - a.lag || (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1),
  );
}
