import { argument, text, type Handler, type Invocation } from '../command.js';
import { Failure, usage } from '../failure.js';
import type { Client } from '../http/client.js';
import type { Outcome } from '../outcome.js';
import { number } from './op.js';
import { groupsOf, pathOf, type Topic } from './topics.js';

/** What data flows through: topics, and what is fed by them. */
export interface LineageNode {
  readonly kind: 'topic' | 'view' | 'group';
  readonly name: string;
  /** Steps from the topic that was asked about; less than 0 for what feeds it. */
  readonly distance: number;
}

/** A node with who has to know of a change; null where nobody is known. Topics, views and groups have no owners of their own: it is that of the schema which clients look for by the name of the topic. */
interface OwnedNode extends LineageNode {
  readonly owner: string | null;
}

/** A step that data takes: `latest` and `versioned` streams, `view`s, and groups that `read`. */
export interface LineageEdge {
  readonly from: string;
  readonly to: string;
  readonly by: 'latest' | 'versioned' | 'view' | 'read';
}

interface Step extends LineageEdge {
  readonly kind: LineageNode['kind'];
}

const MOST_STEPS = 100;

/** `weir lineage show`: what a topic is fed by, and what it feeds. */
export const show: Handler = async (invocation) => {
  const direction = text(invocation, 'direction');
  return await lineage(invocation, { up: direction !== 'down', down: direction !== 'up' });
};

/** `weir lineage impact`: what a change of a topic reaches. */
export const impact: Handler = (invocation) => lineage(invocation, { up: false, down: true });

async function lineage(
  invocation: Invocation,
  ways: { readonly up: boolean; readonly down: boolean },
): Promise<Outcome> {
  const depth = text(invocation, 'depth');
  const most = depth === undefined ? MOST_STEPS : number(depth, '--depth');
  if (most < 1 || most > MOST_STEPS)
    throw usage('depth-invalid', `'${depth}' (--depth) is no number of steps.`, `Write 1 to ${MOST_STEPS}.`);
  const client = await (await invocation.settings()).client();
  const { name: topic } = await client.get<Topic>(pathOf(argument(invocation, 0)));
  const steps = await stepsOf(client);
  const nodes = new Map<string, LineageNode>([[`topic ${topic}`, { kind: 'topic', name: topic, distance: 0 }]]);
  const edges = new Set<LineageEdge>();
  const follow = async (way: 1 | -1): Promise<void> => {
    let reached = [topic];
    for (let distance = 1; distance <= most && reached.length > 0; distance++) {
      const next: string[] = [];
      for (const name of reached) {
        const found = way === 1 ? [...steps, ...(await readersOf(client, name))] : steps;
        for (const step of found) {
          if ((way === 1 ? step.from : step.to) !== name || (way === -1 && step.kind !== 'topic')) continue;
          const other = way === 1 ? { kind: step.kind, name: step.to } : { kind: 'topic' as const, name: step.from };
          edges.add(step);
          const key = `${other.kind} ${other.name}`;
          if (nodes.has(key)) continue;
          nodes.set(key, { ...other, distance: distance * way });
          if (other.kind === 'topic') next.push(other.name);
        }
      }
      reached = next;
    }
  };
  if (ways.up) await follow(-1);
  if (ways.down) await follow(1);
  const owned: OwnedNode[] = [];
  for (const node of [...nodes.values()].sort(inOrder))
    owned.push({ ...node, owner: node.kind === 'topic' ? await ownerOf(client, node.name) : null });
  return outcomeOf(topic, owned, [...edges], text(invocation, 'as'));
}

/** The owner that the metadata of the latest schema of a topic's values names. */
async function ownerOf(client: Client, topic: string): Promise<string | null> {
  const subject = `${topic}-value`;
  type Seen = {
    readonly subject: string;
    readonly metadata?: { readonly properties?: Record<string, unknown> } | null;
  };
  const { items } = (await client.find<{ items: readonly Seen[] }>('/v1/schemas', {
    prefix: subject,
    text: false,
  })) ?? {
    items: [],
  };
  const owner = items.find((one) => one.subject === subject)?.metadata?.properties?.['owner'];
  return typeof owner === 'string' ? owner : null;
}

/** Every step but those of groups. A topic goes by its present name, also where something was declared by an old one. */
async function stepsOf(client: Client): Promise<readonly Step[]> {
  const present = new Map<string, Promise<string>>();
  const named = (name: string): Promise<string> => {
    let known = present.get(name);
    if (known === undefined)
      present.set(name, (known = client.find<Topic>(pathOf(name)).then((one) => one?.name ?? name)));
    return known;
  };
  const steps: Step[] = [];
  type Derived = { readonly name: string; readonly source: string; readonly kind: 'latest' | 'versioned' };
  for await (const { name, source, kind } of client.pages<Derived>('/v1/derivations'))
    steps.push({ kind: 'topic', from: await named(source), to: name, by: kind });
  type Seen = { readonly name: string; readonly sources: readonly { readonly topic: string }[] };
  for await (const { name, sources } of client.pages<Seen>('/v1/views'))
    for (const { topic } of sources) steps.push({ kind: 'view', from: await named(topic), to: name, by: 'view' });
  return steps;
}

/** Groups that read a topic; none of one that is in another cluster or gone. */
async function readersOf(client: Client, topic: string): Promise<readonly Step[]> {
  try {
    return (await groupsOf(client, topic)).map(({ group }) => ({ kind: 'group', from: topic, to: group, by: 'read' }));
  } catch (error) {
    if (error instanceof Failure && error.exit === 'not-found') return [];
    throw error;
  }
}

function inOrder(one: LineageNode, other: LineageNode): number {
  return one.distance - other.distance || (`${one.kind} ${one.name}` < `${other.kind} ${other.name}` ? -1 : 1);
}

function outcomeOf(
  topic: string,
  nodes: readonly OwnedNode[],
  steps: readonly LineageEdge[],
  as: string | undefined,
): Outcome {
  const edges = steps
    .map(({ from, to, by }) => ({ from, to, by }))
    .sort((a, b) => (`${a.from} ${a.to} ${a.by}` < `${b.from} ${b.to} ${b.by}` ? -1 : 1));
  return {
    kind: 'Lineage',
    data: { topic, nodes, edges },
    table: {
      columns: [{ title: 'steps', right: true }, { title: 'kind' }, { title: 'name' }, { title: 'owner' }],
      rows: nodes.map(({ distance, kind, name, owner }) => [distance, kind, name, owner]),
    },
    names: nodes.map(({ kind, name }) => `${kind}:${name}`),
    ...(as === undefined ? {} : { raw: as === 'dot' ? dotOf(nodes, edges) : mermaidOf(nodes, edges) }),
  };
}

const SHAPES = { topic: 'box', view: 'cylinder', group: 'ellipse' } as const;
const idOf = (by: LineageEdge['by'], name: string): string =>
  `${by === 'view' ? 'view' : by === 'read' ? 'group' : 'topic'}:${name}`;

function dotOf(nodes: readonly LineageNode[], edges: readonly LineageEdge[]): string {
  const lines = [
    ...nodes.map(({ kind, name }) => `  ${quoted(`${kind}:${name}`)} [label=${quoted(name)}, shape=${SHAPES[kind]}];`),
    ...edges.map(
      ({ from, to, by }) => `  ${quoted(`topic:${from}`)} -> ${quoted(idOf(by, to))} [label=${quoted(by)}];`,
    ),
  ];
  return `digraph lineage {\n  rankdir=LR;\n${lines.join('\n')}\n}\n`;
}

function mermaidOf(nodes: readonly LineageNode[], edges: readonly LineageEdge[]): string {
  const at = new Map(nodes.map(({ kind, name }, index) => [`${kind}:${name}`, `n${index}`]));
  const lines = [
    ...nodes.map(({ kind, name }) => `  ${at.get(`${kind}:${name}`)}["${kind} ${name.replaceAll('"', '#quot;')}"]`),
    ...edges.map(({ from, to, by }) => `  ${at.get(`topic:${from}`)} -->|${by}| ${at.get(idOf(by, to))}`),
  ];
  return `flowchart LR\n${lines.join('\n')}\n`;
}

const quoted = (name: string): string => JSON.stringify(name);
