import { Body, Controller, Get, Param, Put } from '@nestjs/common';
import { GLOBAL_SCOPE, parseSubject, Registry, subjectText, type SubjectName } from '#libs/core/registry';
import { Access, Authorizer, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, Conditional, ZodPipe } from '#libs/platform/http';
import { SubjectAccess } from '../subject-access.js';
import { policyBody, policyView, type PolicyBody, type PolicyView } from './registration-policy.shapes.js';

const tag = 'schemas';

/** Who may register new schemas: for all contexts, a context or a subject. What is not set comes from `registry.registration`. */
@Controller('v1/registration-policy')
export class RegistrationPolicyController {
  constructor(
    private readonly registry: Registry,
    private readonly authorizer: Authorizer,
  ) {}

  @Get()
  @Conditional()
  @Access('read', 'subject')
  @ApiJson({ id: 'getRegistrationPolicy', summary: 'Who may register new schemas', tag, response: policyView })
  get(): Promise<PolicyView> {
    return this.shown(null, GLOBAL_SCOPE);
  }

  @Put()
  @Access('govern', 'subject')
  @ApiJson({
    id: 'setRegistrationPolicy',
    summary: 'Set who may register new schemas, in all contexts',
    tag,
    body: policyBody,
    bodyExample: { policy: 'registrars-only' },
    response: policyView,
  })
  async set(@Body(new ZodPipe(policyBody)) { policy }: PolicyBody): Promise<PolicyView> {
    await this.registry.settings.setRegistration(GLOBAL_SCOPE, policy);
    return this.shown(null, GLOBAL_SCOPE);
  }

  @Get(':subject')
  @Conditional()
  @Access('read', 'subject', 'subject')
  @ApiJson({
    id: 'getSubjectRegistrationPolicy',
    summary: 'Who may register new schemas under a subject or in a context',
    tag,
    response: policyView,
  })
  getFor(@Param('subject') name: string, @CurrentPrincipal() principal: Principal): Promise<PolicyView> {
    const scope = this.reach(principal, 'read', name);
    return this.shown(subjectText(scope), scope);
  }

  @Put(':subject')
  @Access('govern', 'subject', 'subject')
  @ApiJson({
    id: 'setSubjectRegistrationPolicy',
    summary: 'Set who may register new schemas under a subject or in a context',
    tag,
    body: policyBody,
    bodyExample: { policy: 'registrars-only' },
    response: policyView,
    errors: { 422: ['subject-invalid'] },
  })
  async setFor(
    @Param('subject') name: string,
    @Body(new ZodPipe(policyBody)) { policy }: PolicyBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<PolicyView> {
    const scope = this.reach(principal, 'govern', name);
    await this.registry.settings.setRegistration(scope, policy);
    return this.shown(subjectText(scope), scope);
  }

  /** The guard has judged the name as it is written; where that is another spelling, the meaning is judged here. */
  private reach(principal: Principal, action: 'read' | 'govern', name: string): SubjectName {
    const scope = parseSubject(name);
    if (subjectText(scope) !== name) new SubjectAccess(this.authorizer, principal).demand(action, scope);
    return scope;
  }

  private async shown(subject: string | null, scope: SubjectName): Promise<PolicyView> {
    return { subject, ...(await this.registry.settings.registration(scope)) };
  }
}
