import { describe, expect, it } from 'vitest';
import { RoutedViewTables } from './routed-view-tables.js';

const request = { statement: 'select 1', views: [], limit: 1, timeoutMs: 1 };

describe('tables of views, by target', () => {
  it('of a target that is not configured are refused with those that are', async () => {
    const tables = new RoutedViewTables(new Map([['default', () => Promise.reject(new Error('is not opened here'))]]));
    await expect(tables.sql('defualt', request)).rejects.toMatchObject({
      code: 'view-target-not-found',
      message: "There is no target 'defualt' for views; did you mean 'default'?",
    });
  });

  it('that are closed say so, to be asked again, and do not deny that there is such a target', async () => {
    const tables = new RoutedViewTables(new Map([['default', () => Promise.reject(new Error('is not opened here'))]]));
    await tables.close();
    await expect(tables.sql('default', request)).rejects.toMatchObject({ code: 'views-unavailable', retryable: true });
  });
});
