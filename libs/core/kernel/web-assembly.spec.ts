import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answer, CompiledModule, i64, loop, memory, repeat, set, w32, w64, WasmModule, when } from './web-assembly.js';

describe('functions put together from expressions', () => {
  it('compute what they say, also when they call one another', () => {
    const compiled = new CompiledModule(() => {
      const module = new WasmModule();
      const twice = module.define('twice', ['i32'], (_, a) => [answer(w32.mul(a, 2))]);
      module.define('sum', ['i32'], (variable, most) => {
        const [n, sum] = [variable('i32'), variable('i32')];
        return [repeat(w32.less(n, most), [set(sum, w32.add(sum, twice(n))), set(n, w32.add(n, 1))]), answer(sum)];
      });
      return module;
    });
    const { functions } = compiled.instance();
    expect(functions['sum']!(10)).toBe(90);
    expect(functions['twice']!(-21)).toBe(-42);
  });

  it('leave loops from within other blocks', () => {
    const module = new WasmModule();
    module.define('firstZero', ['i32'], (_, at) => [
      loop((again, out) => [
        when(w32.eq(memory.byte(at), 0), [when(1, [out])], [set(at, w32.add(at, 1)), again]),
        answer(-1),
      ]),
      answer(at),
    ]);
    const { functions, memory: owned } = new CompiledModule(() => module).instance();
    new Uint8Array(owned.buffer).fill(7, 0, 300);
    expect(functions['firstZero']!(5)).toBe(300);
  });

  it('hold constants and numbers of every size', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.integer(), (long, short) => {
        const module = new WasmModule();
        module.define('low', ['i64'], (_, a) => [answer(w32.low(w64.sub(a, i64(long))))]);
        module.define('same', ['i32'], (_, a) => [answer(w32.eq(a, short))]);
        const { functions } = new CompiledModule(() => module).instance();
        expect(functions['low']!(BigInt(long) + 77n)).toBe(77);
        expect(functions['same']!(short)).toBe(1);
        expect(functions['same']!(short ^ 1)).toBe(0);
      }),
    );
  });

  it('have a memory of their own in each instance', () => {
    const module = new WasmModule();
    module.define('put', ['i32', 'i32'], (_, at, value) => [memory.store32(at, value), answer(memory.load32(at))]);
    const compiled = new CompiledModule(() => module);
    const [one, other] = [compiled.instance(), compiled.instance()];
    expect(one.functions['put']!(100, 5)).toBe(5);
    expect(new Int32Array(other.memory.buffer)[25]).toBe(0);
    expect(one.memory.grow(1)).toBe(1);
    expect(new Int32Array(one.memory.buffer)[25]).toBe(5);
  });

  it('are refused by the engine when their types do not fit', () => {
    const module = new WasmModule();
    module.define('wrong', ['i64'], (_, a) => [answer(w32.add(a as never, 1))]);
    expect(() => new CompiledModule(() => module).instance()).toThrow(/type/);
  });
});
