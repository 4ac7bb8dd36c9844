import { Injectable } from '@nestjs/common';
import {
  contractValues,
  parseSubject,
  Registry,
  subjectText,
  type ChangeOutcome,
  type SetChange,
  type SubjectName,
  type Visible,
} from '#libs/core/registry';
import { Authorizer, type Action, type Principal } from '#libs/platform/auth';
import { turn } from '#libs/platform/http';
import { RegistrationRight } from '../registration-right.js';
import { SubjectAccess } from '../subject-access.js';
import type {
  ChangeBody,
  ChangesAppliedView,
  ChangesApplyBody,
  ChangesPlanBody,
  ChangesPlanView,
} from './schema-changes.shapes.js';

/** Changes prepared before others get their turn. */
const STEP = 100;

/** Sets of changes: whoever may read may plan, whoever may make every single change may apply. Settings that are as they are asked to be take no right: a pipeline states them each time. */
@Injectable()
export class SchemaChangesService {
  constructor(
    private readonly registry: Registry,
    private readonly authorizer: Authorizer,
    private readonly right: RegistrationRight,
  ) {}

  async plan(principal: Principal, body: ChangesPlanBody): Promise<ChangesPlanView> {
    const changes = await this.changesOf(principal, body.changes, false);
    const {
      hash,
      blockers,
      restsOn,
      changes: outcomes,
    } = await this.registry.changeSets.plan(changes, this.visibleTo(principal));
    return {
      hash,
      verdict: blockers.length === 0 ? 'ok' : 'blocked',
      blockers: [...blockers],
      restsOn: [...restsOn],
      changes: outcomes.map(viewOf),
    };
  }

  async apply(principal: Principal, key: string | undefined, body: ChangesApplyBody): Promise<ChangesAppliedView> {
    const changes = await this.changesOf(principal, body.changes, true);
    const asked = {
      hash: body.planHash,
      restsOn: body.restsOn,
      principal: principal.id,
      key: key ?? null,
      visible: this.visibleTo(principal),
    };
    const {
      hash,
      revision,
      repeated,
      changes: outcomes,
    } = await this.registry.changeSets.apply(asked, changes, (planned) => {
      for (const { index, kind, outcome } of planned)
        if ((kind === 'set-config' || kind === 'set-mode') && outcome !== 'unchanged')
          this.judge(principal, 'govern', changes[index]!.subject);
    });
    return { planHash: hash, revision, repeated, changes: outcomes.map(viewOf) };
  }

  /** The changes as they are meant, each judged. */
  private async changesOf(
    principal: Principal,
    bodies: readonly ChangeBody[],
    toMake: boolean,
  ): Promise<readonly SetChange[]> {
    const access = new SubjectAccess(this.authorizer, principal);
    const changes: SetChange[] = [];
    for (const [index, body] of bodies.entries()) {
      if (index % STEP === STEP - 1) await turn();
      const change = await this.changeOf(body);
      this.judge(principal, 'read', change.subject);
      if (change.kind === 'register') {
        access.requireReadableReferences(change.subject.context, change.sent.references);
        if (toMake) await this.right.demand(principal, change.subject);
      } else if (toMake && change.kind === 'delete') this.judge(principal, 'delete', change.subject);
      changes.push(change);
    }
    return changes;
  }

  /** Schemas and deletions reach an alias's target, settings the name itself. */
  private async changeOf(body: ChangeBody): Promise<SetChange> {
    const named = parseSubject(body.subject);
    switch (body.kind) {
      case 'register': {
        // Read as the contract's bodies are: one content has one id, whichever way it comes.
        const { schema, schemaType, references, metadata, ruleSet } = contractValues.registrationFrom(body);
        const sent = { schema, schemaType, references, metadata, ruleSet };
        return { kind: 'register', subject: await this.registry.target(named), sent, normalize: body.normalize };
      }
      case 'set-config':
        return {
          kind: 'set-config',
          subject: named,
          update: contractValues.configFrom(body.config, 'compatibility'),
        };
      case 'set-mode':
        return { kind: 'set-mode', subject: named, mode: body.mode };
      case 'delete':
        return { kind: 'delete', subject: await this.registry.target(named), version: body.version };
    }
  }

  private visibleTo(principal: Principal): Visible {
    return (subject) => {
      const text = subjectText(subject);
      return this.authorizer.allows(principal, 'read', { kind: 'subject', name: text === '' ? null : text });
    };
  }

  private judge(principal: Principal, action: Action, subject: SubjectName): void {
    const text = subjectText(subject);
    this.authorizer.demand(principal, action, { kind: 'subject', name: text === '' ? null : text });
  }
}

function viewOf({
  given: _given,
  refusal,
  deletedVersions,
  ...outcome
}: ChangeOutcome): ChangesPlanView['changes'][number] {
  return {
    ...outcome,
    deletedVersions: [...deletedVersions],
    refusal: refusal && { ...refusal, findings: [...refusal.findings] },
  };
}
