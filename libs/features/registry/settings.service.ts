import { Injectable } from '@nestjs/common';
import {
  GLOBAL_CONTEXT,
  modeNamed,
  parseSubject,
  Registry,
  subjectText,
  type SettingChange,
  type SettingPreview,
  type SubjectName,
} from '#libs/core/registry';
import { Authorizer, type Action, type Principal } from '#libs/platform/auth';
import { configBody, modeBody } from './bodies.js';
import { flag, type RawQuery } from './query.js';
import { configWire, updatedConfigWire, type Wire } from './wire.js';

/** Configuration and modes (contract 2.6, 2.7). A scope is named as in the path; undefined or empty is the default context, the API's global scope. */
@Injectable()
export class SettingsService {
  constructor(
    private readonly registry: Registry,
    private readonly authorizer: Authorizer,
  ) {}

  async config(principal: Principal, name: string | undefined, query: RawQuery): Promise<Wire> {
    const scope = this.reach(principal, 'read', name);
    return configWire(await this.registry.settings.config(scope, flag(query, 'defaultToGlobal')));
  }

  async setConfig(principal: Principal, name: string | undefined, body: unknown): Promise<Wire> {
    const update = configBody(body);
    return updatedConfigWire(await this.registry.settings.setConfig(this.reach(principal, 'govern', name), update));
  }

  async deleteConfig(principal: Principal, name: string | undefined): Promise<Wire> {
    return configWire(await this.registry.settings.deleteConfig(this.reach(principal, 'govern', name)));
  }

  async mode(principal: Principal, name: string | undefined, query: RawQuery): Promise<Wire> {
    const scope = this.reach(principal, 'read', name);
    return { mode: await this.registry.settings.mode(scope, flag(query, 'defaultToGlobal')) };
  }

  /** Echoes the mode as it was sent. */
  async setMode(principal: Principal, name: string | undefined, body: unknown, query: RawQuery): Promise<Wire> {
    const scope = this.reach(principal, 'govern', name);
    const sent = modeBody(body);
    await this.registry.settings.setMode(scope, sent === null ? null : modeNamed(sent, scope), flag(query, 'force'));
    return { mode: sent };
  }

  async deleteMode(principal: Principal, name: string | undefined, query: RawQuery): Promise<Wire> {
    const scope = this.reach(principal, 'govern', name);
    const mode = await this.registry.settings.deleteMode(scope, flag(query, 'recursive'));
    return mode === null ? {} : { mode };
  }

  /** What a change would do; the name stands in the body, so no guard has judged it. */
  async preview(
    principal: Principal,
    name: string,
    changeOf: (scope: SubjectName) => SettingChange,
  ): Promise<SettingPreview> {
    const scope = this.reach(principal, 'govern', name);
    this.authorizer.demand(principal, 'govern', { kind: 'subject', name: subjectText(scope) || null });
    return this.registry.settings.preview(scope, changeOf(scope));
  }

  /** The scope that is meant. The guard has judged the name in the path; where that is another spelling, the meaning is judged here. */
  private reach(principal: Principal, action: Action, name: string | undefined): SubjectName {
    const parsed = parseSubject(name ?? '');
    const scope = parsed.context === GLOBAL_CONTEXT ? { context: GLOBAL_CONTEXT, name: '' } : parsed;
    const text = subjectText(scope);
    if (text !== (name ?? '')) {
      this.authorizer.demand(principal, action, { kind: 'subject', name: text === '' ? null : text });
    }
    return scope;
  }
}
