import { writeFile } from 'node:fs/promises';
import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipFile {
  /** With slashes, without a leading one. */
  readonly path: string;
  readonly bytes: Buffer;
  /** Permissions for systems that have them. */
  readonly mode: number;
}

/** Writes a zip archive (APPNOTE 6.3, no zip64: everything together stays below 4 GiB). */
export async function writeZip(path: string, files: readonly ZipFile[]): Promise<void> {
  const pieces: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const file of files) {
    const name = Buffer.from(file.path);
    const packed = deflateRawSync(file.bytes);
    // Version 2.0, UTF-8 names, deflate, 1 January 1980: the same input gives the same archive.
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x0800, 2);
    common.writeUInt16LE(8, 4);
    common.writeUInt16LE(0, 6);
    common.writeUInt16LE(0x21, 8);
    common.writeUInt32LE(crc32(file.bytes), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(file.bytes.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('504b0304', 'hex'), common, name, packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(((0o100000 | file.mode) << 16) >>> 0, 6);
    tail.writeUInt32LE(offset, 10);
    // Made on Unix, version 2.0.
    directory.push(Buffer.concat([Buffer.from('504b01021403', 'hex'), common, tail, name]));
    pieces.push(local);
    offset += local.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('504b0506', 'hex');
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(entries.length, 12);
  end.writeUInt32LE(offset, 16);
  await writeFile(path, Buffer.concat([...pieces, entries, end]));
}
