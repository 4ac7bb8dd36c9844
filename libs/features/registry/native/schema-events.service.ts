import { Injectable } from '@nestjs/common';
import { AppError } from '#libs/core/kernel';
import {
  Registry,
  subjectText,
  type Association,
  type EventPosition,
  type RegistryEvent,
  type SubjectName,
} from '#libs/core/registry';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { formatCursor, parseCursor, turn, type ServerSentEvent } from '#libs/platform/http';
import type { EventsQuery, EventsView, EventView } from './schema-events.shapes.js';

/** Events looked at in one step. */
const STEP = 500;
/** Characters of settings and the like in one answer, after which it ends however many events were asked for. */
const LONG = 4 * 1024 * 1024;
/** A stream waits this long for news before it looks again whether anybody reads it. */
const QUIET_MS = 30_000;

/** The feed of changes for a principal: what it may not read is left out, and its place goes on all the same. */
@Injectable()
export class SchemaEventsService {
  constructor(
    private readonly registry: Registry,
    private readonly authorizer: Authorizer,
  ) {}

  /** @throws `invalid-cursor`, `events-forgotten`. */
  async page(principal: Principal, query: EventsQuery, signal: AbortSignal): Promise<EventsView> {
    const items: EventView[] = [];
    let characters = 0;
    const { feed } = this.registry;
    const until = performance.now() + query.wait;
    for (let from = await this.placeOf(query.cursor, query.from); ;) {
      const page = await feed.page(from, STEP);
      const visible = this.visible(principal, page.events);
      const taken = visible.slice(0, query.limit - items.length);
      items.push(...taken.map(viewOf));
      // Whoever has a full page goes on after its last event; hidden ones behind it are met again.
      const full = items.length === query.limit && taken.length > 0;
      from = full ? placeAfter(taken.at(-1)!) : page.next;
      characters += page.characters;
      const long = items.length > 0 && characters >= LONG;
      const caughtUp = page.caughtUp && (!full || taken.at(-1) === page.events.at(-1));
      const left = until - performance.now();
      if (!full && !long && !page.caughtUp) await turn();
      else if (full || long || items.length > 0 || left <= 0 || !(await feed.more(from, left, signal))) {
        return { items, next: formatCursor(idOf(from)), caughtUp };
      }
    }
  }

  /** Where a stream begins; refuses before it is opened. @throws `invalid-cursor`, `events-forgotten`. */
  async begin(lastEventId: string | undefined, query: EventsQuery): Promise<EventPosition | undefined> {
    const place =
      lastEventId === undefined || lastEventId === ''
        ? await this.placeOf(query.cursor, query.from)
        : positionOf(lastEventId);
    await this.registry.feed.page(place, 1);
    return place;
  }

  /** Events from a place on, without an end. Where only hidden ones were met, the place is told alone, so that a reader that comes back need not meet them again. */
  async *follow(
    principal: Principal,
    place: EventPosition | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<ServerSentEvent> {
    const { feed } = this.registry;
    for (let from = place; !signal.aborted;) {
      const page = await feed.page(from, STEP);
      const visible = this.visible(principal, page.events);
      for (const event of visible) {
        const view = viewOf(event);
        yield { id: view.id, event: view.type, data: view };
      }
      if (page.events.length > 0 && visible.at(-1) !== page.events.at(-1)) {
        yield { id: idOf(page.next), event: 'place', data: {} };
      }
      from = page.next;
      if (page.caughtUp) await feed.more(from, QUIET_MS, signal);
      else await turn();
    }
  }

  private async placeOf(cursor: string | undefined, from: EventsQuery['from']): Promise<EventPosition | undefined> {
    if (cursor !== undefined) return positionOf(parseCursor(cursor));
    return from === 'now' ? this.registry.feed.end() : undefined;
  }

  private visible(principal: Principal, events: readonly RegistryEvent[]): readonly RegistryEvent[] {
    return events.filter(({ subject }) =>
      this.authorizer.allows(principal, 'read', { kind: 'subject', name: nameOf(subject) }),
    );
  }
}

/** The settings of the default context are nobody's secret: whoever may read subjects may read them. */
function nameOf(subject: SubjectName): string | null {
  const text = subjectText(subject);
  return text === '' ? null : text;
}

function placeAfter({ revision, ordinal }: RegistryEvent): EventPosition {
  return { revision, ordinal };
}

function idOf({ revision, ordinal }: EventPosition): string {
  return `${revision}.${ordinal}`;
}

/** @throws `invalid-cursor` */
function positionOf(text: string): EventPosition {
  const match = /^(\d{1,15})\.(\d{1,10})$/.exec(text);
  if (match !== null) return { revision: Number(match[1]), ordinal: Math.min(Number(match[2]), 2_147_483_647) };
  throw new AppError({
    kind: 'invalid',
    code: 'invalid-cursor',
    message: 'The place to go on from cannot be read.',
    hint: 'Send back the id of the last event you have seen, or `next` of an earlier answer, unchanged.',
  });
}

function viewOf(event: RegistryEvent): EventView {
  const { type, subject, version, schemaId, guid, schemaType } = event;
  const data = { revision: event.revision, version, id: schemaId, guid, schemaType };
  return {
    specversion: '1.0',
    id: idOf(event),
    source: '/v1/schema-events',
    type: `weir.registry.${type}`,
    subject: subjectText(subject),
    time: new Date(event.at).toISOString(),
    datacontenttype: 'application/json',
    data: { ...data, ...valueOf(event) } as EventView['data'],
  };
}

function valueOf({ type, value }: RegistryEvent): object {
  switch (type) {
    case 'config-set':
      return { config: value };
    case 'mode-set':
      return { mode: value };
    case 'registration-set':
      return { policy: value };
    case 'association-set':
    case 'association-removed': {
      const { resourceName, resourceNamespace, resourceId, resourceType, associationType, lifecycle, frozen } =
        value as Association;
      return {
        association: { resourceName, resourceNamespace, resourceId, resourceType, associationType, lifecycle, frozen },
      };
    }
    default:
      return {};
  }
}
