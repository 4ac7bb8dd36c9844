import { AppError, isAppError, type JsonObject } from '#libs/core/kernel';
import { knownDeclaration, parseDeclaration } from './declaration.js';
import type { DeclarationTools } from './declaration-form.js';
import { planEvolution, type EvolutionPlan } from './evolution.js';
import { SeenMembers, type SeenMember } from './seen-members.js';
import type { ViewDefinition } from './view-definition.js';
import { viewEvolved, type StoredView, type ViewStore } from './view-store.js';
import type { TablesEvolution, ViewTables } from './view-tables.js';

export interface ViewEvolutionsOptions extends DeclarationTools {
  readonly store: ViewStore;
  readonly tables: ViewTables;
  /** Named steps for crash tests: `view-evolved-tables`, `view-evolved`. */
  readonly failPoint?: (name: string) => void;
}

/**
 * Changes running views in place. The tables change first, in one transaction with what the view is from then on; then what is stored of the view follows. In between the tables take no step by the definition before,
 * readers by it go on, and whoever finds the tables further than the view brings it there: so a change that was cut short is whole, or has not begun.
 */
export class ViewEvolutions {
  constructor(private readonly options: ViewEvolutionsOptions) {}

  /**
   * What becomes of a view by a declaration, with the schemas as they are now. Changes nothing.
   * @throws `invalid-view`; what asking for the types throws.
   */
  async plan(view: StoredView, declaration: JsonObject): Promise<EvolutionPlan> {
    const { name, cluster } = view;
    const present = await definitionOf(view);
    const wanted = await parseDeclaration(name, cluster, declaration, this.options);
    const seen = await this.#seen(view.id, present);
    return planEvolution(view, present, declaration, wanted, seen === null ? undefined : new SeenMembers(seen));
  }

  /** What its records had; null when that is not known, or cannot be asked. */
  async #seen(id: string, present: ViewDefinition): Promise<readonly SeenMember[] | null> {
    try {
      return (await this.options.tables.revision(id, present)).seen;
    } catch (error) {
      if (isAppError(error, 'views-unavailable')) return null;
      throw error;
    }
  }

  /**
   * Changes a view as a plan says.
   * @returns the view as it is then @throws `view-evolved` when it was changed meanwhile, or records came that the plan does not know of: plan again.
   */
  async carryOut(view: StoredView, change: TablesEvolution): Promise<StoredView> {
    const { store, tables, failPoint } = this.options;
    if (!(await tables.evolve(view.id, await definitionOf(view), change))) throw viewEvolved(view.name);
    failPoint?.('view-evolved-tables');
    // Whoever has found the tables further meanwhile has stored the same.
    await store.evolve(view.id, change.to);
    failPoint?.('view-evolved');
    return { ...view, ...change.to };
  }

  /**
   * The view as its tables are: a change that was cut short behind them is stored.
   * @throws `view-not-found` when there are none; `view-tables-behind` for tables that are not what the view has become, as after they were restored from an earlier backup.
   */
  async settled(view: StoredView): Promise<StoredView> {
    const { store, tables } = this.options;
    const { revision, evolved } = await tables.revision(view.id, await definitionOf(view));
    if (revision === view.evolution.revision) return view;
    if (revision < view.evolution.revision || evolved === null) throw tablesBehind(view);
    await store.evolve(view.id, evolved);
    return { ...view, ...evolved };
  }
}

/** The declaration of a view read with the types that it has. */
export function definitionOf({ name, cluster, declaration, types, evolution }: StoredView): Promise<ViewDefinition> {
  return knownDeclaration(name, cluster, declaration, types, evolution);
}

function tablesBehind({ name, version }: StoredView): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'view-tables-behind',
    message: `The tables of version ${version} of view '${name}' lack what was added to it: they are older than what is stored of it.`,
    hint: `Build it anew: POST /v1/views/${name}/versions, and activate that.`,
    details: { view: name, version },
  });
}
