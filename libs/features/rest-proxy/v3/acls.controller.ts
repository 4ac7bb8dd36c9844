import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AccessRule } from '#libs/core/log';
import { Access } from '#libs/platform/auth';
import { ApiJson, ConfluentApi } from '#libs/platform/http';
import { ClusterIds } from '../cluster-ids.js';
import { V3, V3_BODY } from '../dialects.js';
import type { RawQuery } from '../query.js';
import { TAG } from '../tag.js';
import { deletionOf, filterOf, newRuleOf, newRulesOf } from './acl-requests.js';
import { Links } from './links.js';
import { aclResource, aclUrl, listOf, type Resource } from './resources.js';
import { aclBatchBody, aclBody, aclQuery, aclsDeleted, resourceList } from './shapes.js';

const NOT_KEPT = '400 with code 40002 where the brokers keep none, as those of the embedded log.';

/** Access rules of the brokers (section 3.7 of the contract). */
@Controller('v3/clusters/:cluster')
export class AclsController {
  constructor(private readonly clusters: ClusterIds) {}

  @Get('acls')
  @ConfluentApi(V3)
  @Access('admin', 'cluster')
  @ApiJson({
    id: 'restListAcls',
    summary: 'Access rules that the brokers keep',
    description: NOT_KEPT,
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
    return listOf('KafkaAclList', links.to('acls'), resources(links, cluster, rules));
  }

  @Post('acls')
  @HttpCode(201)
  @ConfluentApi(V3_BODY)
  @Access('admin', 'cluster')
  @ApiJson({
    id: 'restCreateAcl',
    summary: 'Have the brokers keep an access rule',
    description: `Answers no body; \`Location\` is the search that finds it. A rule that is there already is created again without harm. ${NOT_KEPT}`,
    tag: TAG,
    body: aclBody,
    status: 201,
  })
  async create(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const { engine } = await this.clusters.get(cluster);
    const rule = newRuleOf(body);
    await engine.administration.createAccessRules([rule]);
    reply.header('location', aclUrl(Links.of(request, cluster), rule));
  }

  @Post('acls::batch')
  @HttpCode(204)
  @ConfluentApi(V3_BODY)
  @Access('admin', 'cluster')
  @ApiJson({
    id: 'restCreateAcls',
    summary: 'Have the brokers keep several access rules',
    description: `The brokers judge them one by one: where one is refused, others may have been stored; sending all again is harmless. ${NOT_KEPT}`,
    tag: TAG,
    body: aclBatchBody,
    status: 204,
  })
  async createAll(@Param('cluster') cluster: string, @Body() body: unknown): Promise<void> {
    const { engine } = await this.clusters.get(cluster);
    await engine.administration.createAccessRules(newRulesOf(body));
  }

  @Delete('acls')
  @ConfluentApi(V3)
  @Access('admin', 'cluster')
  @ApiJson({
    id: 'restDeleteAcls',
    summary: 'Delete the access rules that match',
    description: `resource_type, pattern_type, operation and permission must be given, \`ANY\` for all. Answers the rules deleted. ${NOT_KEPT}`,
    tag: TAG,
    query: aclQuery,
    response: aclsDeleted,
  })
  async delete(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Query() query: RawQuery,
  ): Promise<{ readonly data: readonly Resource[] }> {
    const { engine } = await this.clusters.get(cluster);
    const rules = await engine.administration.deleteAccessRules(deletionOf(query));
    return { data: resources(Links.of(request, cluster), cluster, rules) };
  }
}

function resources(links: Links, cluster: string, rules: readonly AccessRule[]): Resource[] {
  return rules.map((rule) => aclResource(links, cluster, rule));
}
