/** Mantine in the product's clothes: neutral surfaces, one accent, dense controls. Colours with a meaning are in styles.css. */
import {
  Badge,
  Button,
  type CSSVariablesResolver,
  createTheme,
  Drawer,
  type MantineColorsTuple,
  Menu,
  Modal,
  NativeSelect,
  Select,
  Table,
  Tabs,
  Textarea,
  TextInput,
  Tooltip,
} from '@mantine/core';

const accent: MantineColorsTuple = [
  '#e6f3f6',
  '#cfe7ed',
  '#a5d2dc',
  '#7cbfcd',
  '#57aabb',
  '#33899c',
  '#1d7386',
  '#0f6074',
  '#0b5568',
  '#073d4b',
];
const danger: MantineColorsTuple = [
  '#fdebef',
  '#f9d2da',
  '#f2a9b8',
  '#ea7d94',
  '#e0597a',
  '#c9305a',
  '#b51c47',
  '#a3123b',
  '#8c0e32',
  '#6b0925',
];
const dark: MantineColorsTuple = [
  '#dfe5e8',
  '#c3ccd1',
  '#a3afb6',
  '#84919a',
  '#3d4950',
  '#2d373d',
  '#1f272c',
  '#151b1f',
  '#101518',
  '#0b0f11',
];

export const theme = createTheme({
  colors: { accent, danger, dark },
  primaryColor: 'accent',
  primaryShade: 7,
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
  fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '16px', xl: '20px' },
  defaultRadius: 4,
  respectReducedMotion: true,
  headings: { fontWeight: '600' },
  components: {
    Button: Button.extend({ defaultProps: { size: 'xs', variant: 'default' } }),
    TextInput: TextInput.extend({ defaultProps: { size: 'sm' } }),
    Textarea: Textarea.extend({ defaultProps: { size: 'sm', autosize: true, minRows: 2 } }),
    Select: Select.extend({ defaultProps: { size: 'sm', comboboxProps: { withinPortal: true } } }),
    // Within its landmark, and with nothing in it but items.
    Menu: Menu.extend({ defaultProps: { withinPortal: false, withInitialFocusPlaceholder: false } }),
    NativeSelect: NativeSelect.extend({ defaultProps: { size: 'sm' } }),
    Modal: Modal.extend({
      defaultProps: {
        // A dialog's head is not the banner of the page.
        attributes: { header: { role: 'presentation' } },
        centered: true,
        closeButtonProps: { 'aria-label': 'Close' },
        transitionProps: { duration: 0 },
      },
    }),
    Drawer: Drawer.extend({
      defaultProps: {
        attributes: { header: { role: 'presentation' } },
        closeButtonProps: { 'aria-label': 'Close' },
        transitionProps: { duration: 0 },
      },
    }),
    Table: Table.extend({
      defaultProps: { verticalSpacing: 6, horizontalSpacing: 8, highlightOnHover: true },
    }),
    Tabs: Tabs.extend({ defaultProps: { keepMounted: false } }),
    Tooltip: Tooltip.extend({ defaultProps: { withArrow: true, openDelay: 250 } }),
    Badge: Badge.extend({ defaultProps: { variant: 'outline', tt: 'none', fw: 500, radius: 3 } }),
  },
});

export const cssVariablesResolver: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-text': '#182126',
    '--mantine-color-dimmed': '#55626a',
    '--mantine-color-placeholder': '#626e76',
    '--mantine-color-error': '#a3123b',
    '--mantine-color-anchor': '#0f6074',
    '--mantine-color-default-border': '#cdd4d8',
  },
  dark: {
    '--mantine-color-text': '#dfe5e8',
    '--mantine-color-dimmed': '#a3afb6',
    '--mantine-color-placeholder': '#94a1a9',
    '--mantine-color-error': '#ff8fa6',
    '--mantine-color-anchor': '#7cbfcd',
    '--mantine-color-default-border': '#3d4950',
  },
});
