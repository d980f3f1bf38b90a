import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// The binary serves the result under `default-src 'none'`: every script is a file, nothing is inlined, nothing is fetched from elsewhere.
export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 800,
  },
  server: {
    proxy: {
      '/api': 'http://127.0.0.1:7700',
      '/login': 'http://127.0.0.1:7700',
      '/logout': 'http://127.0.0.1:7700',
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
  },
});
