import { Controller, Get, Param, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import {
  ACL_OPERATIONS,
  ACL_PATTERN_TYPES,
  ACL_PERMISSIONS,
  ACL_RESOURCE_TYPES,
  type AccessRuleFilter,
} from '#libs/core/log';
import { Access } from '#libs/platform/auth';
import { ApiJson, ConfluentApi } from '#libs/platform/http';
import { ClusterIds } from '../cluster-ids.js';
import { V3 } from '../dialects.js';
import { refusal } from '../errors.js';
import { lastOf, type RawQuery } from '../query.js';
import { TAG } from '../tag.js';
import { Links } from './links.js';
import { aclResource, listOf, type Resource } from './resources.js';
import { aclQuery, resourceList } from './shapes.js';

/** Access rules of the brokers, to read (section 3.7 of the contract). */
@ConfluentApi(V3)
@Controller('v3/clusters/:cluster/acls')
export class AclsController {
  constructor(private readonly clusters: ClusterIds) {}

  @Get()
  @Access('read', 'cluster')
  @ApiJson({
    id: 'restListAcls',
    summary: 'Access rules that the brokers keep',
    description: '400 with code 40002 where the brokers keep none, as those of the embedded log.',
    tag: TAG,
    query: aclQuery,
    response: resourceList,
  })
  async list(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Query() query: RawQuery,
  ): Promise<Resource> {
    const filter = filterOf(query);
    const { engine } = await this.clusters.get(cluster);
    const links = Links.of(request, cluster);
    const rules = await engine.administration.listAccessRules(filter);
    return listOf(
      'KafkaAclList',
      links.to('acls'),
      rules.map((rule) => aclResource(links, cluster, rule)),
    );
  }
}

function filterOf(query: RawQuery): AccessRuleFilter {
  const [resourceName, principal, host] = ['resource_name', 'principal', 'host'].map((name) => lastOf(query, name));
  const resourceType = word(query, 'resource_type', 'ResourceType', ACL_RESOURCE_TYPES);
  const patternType = word(query, 'pattern_type', 'PatternType', [...ACL_PATTERN_TYPES, 'MATCH'] as const);
  const operation = word(query, 'operation', 'Operation', ACL_OPERATIONS);
  const permission = word(query, 'permission', 'Permission', ACL_PERMISSIONS);
  return {
    ...(resourceName && { resourceName }),
    ...(principal && { principal }),
    ...(host && { host }),
    ...(resourceType && { resourceType }),
    ...(patternType && { patternType }),
    ...(operation && { operation }),
    ...(permission && { permission }),
  };
}

/** In any case; ANY is the same as nothing. @throws 404 for a word that is none, as the reference has it. */
function word<T extends string>(query: RawQuery, name: string, kind: string, words: readonly T[]): T | undefined {
  const given = lastOf(query, name);
  if (given === undefined || given === '' || given.toUpperCase() === 'ANY') return undefined;
  const found = words.find((one) => one === given.toUpperCase());
  if (found === undefined) throw refusal(404, `The valid values for ${kind} do not include '${given}'`);
  return found;
}
