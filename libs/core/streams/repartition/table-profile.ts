import type { StoredRecord } from '#libs/core/log';
import type { Routed } from '../copy/router.js';
import type { RecordDecoder } from '../record-decoder.js';
import { KeyExpression } from './key-expression.js';
import type { RowMemory } from './row-memory.js';
import type { RoutingRules } from './routers.js';
import { type TableRules, TableRouter } from './table-router.js';

/** What a plan says of a table that gets a new key. */
export interface TableProfile {
  /** Rows there are, among the records looked at. */
  readonly rows: number;
  /** New keys that several of them have. */
  readonly shared: number;
  /** Records whose present key is not what the expression for the way back gives. */
  readonly otherwiseBack: number;
}

/** Routes the records that a plan looks at, and takes note of their table. Commits nothing. */
export class TableProfiler extends TableRouter {
  readonly #back: KeyExpression | undefined;
  #otherwise = 0;

  constructor(
    routing: RoutingRules,
    private readonly table: TableRules,
    memory: RowMemory,
    back: string | undefined,
    private readonly decoder: RecordDecoder,
  ) {
    super(routing, table, memory);
    this.#back = back === undefined ? undefined : KeyExpression.parse(back);
  }

  get found(): TableProfile {
    const { size: rows, shared } = this.memory.rows;
    return { rows, shared, otherwiseBack: this.#otherwise };
  }

  override async route(record: StoredRecord, source: number): Promise<Routed> {
    if (this.#back !== undefined && record.key !== null && record.value !== null) {
      const answer = await this.#back.evaluate(this.table.topic, record, this.decoder);
      if (!('key' in answer) || Buffer.compare(answer.key, record.key) !== 0) this.#otherwise++;
    }
    return await super.route(record, source);
  }
}
