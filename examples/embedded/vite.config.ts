import { defineConfig } from 'vite';
import { portico } from './vite-plugin.ts';

export default defineConfig({
  root: import.meta.dirname,
  server: { host: '127.0.0.1', port: 0, allowedHosts: [] },
  plugins: [portico()],
});
