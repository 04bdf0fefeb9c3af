import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import {
  bindMigrationAwareSqlAdapterFactory,
  ColumnTypeEnum,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';

/** Of the parts of the standard library that need the DOM's types, this is the one used here. */
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: Record<string, unknown> } }>;
};

export const schemaFile = join(import.meta.dirname, '../prisma/schema.prisma');
export type SchemaEngine = bindings.SchemaEngine;

/**
 * Prisma's schema engine as WebAssembly, on a Postgres that may make databases (the shadow database is one). For
 * development and checks only: servers apply migrations with the runner in packages/db.
 *
 * adapter-pg 7.10.0 is not ready for it in four ways, each mended here and nowhere else: `"char"` columns (Prisma
 * issue 27403), scripts that contain a `;` of their own, the shadow database of a connection string, and a pool that
 * keeps the process alive.
 */
export async function openSchemaEngine(databaseUrl: string): Promise<SchemaEngine> {
  const wasmFile = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const bytes = readFileSync(join(wasmFile, '../schema_engine_bg.wasm'));
  const { instance } = await WebAssembly.instantiate(bytes, {
    './schema_engine_bg.js': Object.fromEntries(Object.entries(bindings)),
  });
  const { __wbindgen_start: start } = instance.exports;
  Reflect.get(bindings, '__wbg_set_wasm')(instance.exports);
  if (typeof start === 'function') start();
  Object.assign(globalThis, {
    PRISMA_WASM_PANIC_REGISTRY: {
      set_message: (message: string) => process.stderr.write(`schema engine: ${message}\n`),
    },
  });
  readCharColumns();
  const url = new URL(databaseUrl);
  const factory = new PrismaPg({
    host: url.hostname,
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
    idleTimeoutMillis: 50,
  });
  return bindings.SchemaEngine.new(
    { datamodels: [[schemaFile, readFileSync(schemaFile, 'utf8')]] },
    () => {},
    bindMigrationAwareSqlAdapterFactory(mended(factory)),
  );
}

const CHAR_OID = 18;
const TEXT_OID = 25;
/** Columns of the last row description that were `"char"`; one engine runs one query at a time. */
let charColumns: readonly number[] = [];

/** The adapter knows no `"char"`: let it read text, and remember which columns are to be renamed afterwards. */
function readCharColumns(): void {
  const prototype: unknown = Reflect.get(pg, 'Query').prototype;
  if (typeof prototype !== 'object' || prototype === null) throw new Error('pg has no Query');
  const original: unknown = Reflect.get(prototype, 'handleRowDescription');
  if (typeof original !== 'function') throw new Error('pg.Query has no handleRowDescription');
  Reflect.set(
    prototype,
    'handleRowDescription',
    function (this: unknown, message: { fields: { dataTypeID: number }[] }) {
      charColumns = message.fields.flatMap((field, index) => (field.dataTypeID === CHAR_OID ? [index] : []));
      for (const field of message.fields) if (field.dataTypeID === CHAR_OID) field.dataTypeID = TEXT_OID;
      return Reflect.apply(original, this, [message]);
    },
  );
}

function mended(factory: PrismaPg): SqlMigrationAwareDriverAdapterFactory {
  const mend = async (connecting: ReturnType<PrismaPg['connect']>) => {
    const adapter = await connecting;
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (query) => {
      const result = await queryRaw(query);
      for (const index of charColumns) result.columnTypes[index] = ColumnTypeEnum.Character;
      return result;
    };
    adapter.executeScript = async (script) => {
      await adapter.underlyingDriver().query(script);
    };
    return adapter;
  };
  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    connect: () => mend(factory.connect()),
    connectToShadowDb: () => mend(factory.connectToShadowDb()),
  };
}
