/** The frame around every page: rail, top bar, palette, dialogs that open from everywhere. */
import { Drawer } from '@mantine/core';
import { IconMenu2 } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, Outlet, useLocation } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from 'react';
import { setCsrfToken } from '../api/client';
import { SessionContext, sessionQuery, useOverview, useSession } from '../api/queries';
import { Failed, Loading } from '../components/States';
import { learnServerTime } from '../live/serverClock';
import { useStream } from '../live/stream';
import { useKeyboard } from './keyboard';
import { PLACES, type Place } from './navigation';
import { openDialog, useOpenDialog } from './openDialog';
import { TopBar } from './TopBar';

const DeclareDialog = lazy(() => import('./DeclareDialog'));
const HelpDialog = lazy(() => import('./HelpDialog'));
const Palette = lazy(() => import('./Palette'));

export function Shell() {
  const session = useQuery(sessionQuery);
  const data = session.data;
  useMemo(() => {
    // Before the first write and the first countdown, hence while rendering.
    if (data === undefined) return;
    setCsrfToken(data.csrf);
    learnServerTime(data.server_time);
  }, [data]);
  if (data === undefined) {
    return (
      <main style={{ padding: 48 }}>
        <h1 className="hidden">Watchkeeper</h1>
        {session.error === null ? (
          <Loading what="the console" />
        ) : (
          <Failed what="The console" fault={session.error} retry={() => void session.refetch()} />
        )}
      </main>
    );
  }
  if (data.needs_new_password) {
    window.location.assign('/password');
    return null;
  }
  return (
    <SessionContext value={data}>
      <Frame />
    </SessionContext>
  );
}

const OPEN = {
  help: () => openDialog('help'),
  declare: () => openDialog('declare'),
  palette: () => openDialog('palette'),
};

function Frame() {
  useStream();
  useKeyboard(OPEN);
  const dialog = useOpenDialog();
  const main = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  const first = useRef(pathname);
  useEffect(() => {
    // A new page begins at its top, for the eye and for a screen reader.
    if (first.current === pathname) return;
    first.current = '';
    main.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [pathname]);
  return (
    <>
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <div className="shell">
        <TopBar />
        <Rail />
        <main id="main" className="main" tabIndex={-1} ref={main}>
          <Outlet />
        </main>
        <BottomBar />
      </div>
      <Suspense>
        {dialog === 'declare' && <DeclareDialog />}
        {dialog === 'help' && <HelpDialog />}
        {dialog === 'palette' && <Palette />}
      </Suspense>
    </>
  );
}

/** The places that this person can go to. */
export function usePlaces(): readonly Place[] {
  const session = useSession();
  return PLACES.filter(
    (place) =>
      (place.needs === undefined || session.permissions.includes(place.needs)) &&
      (place.demoOnly !== true || session.mode === 'demo'),
  );
}

function PlaceLinks({ onGo }: { onGo?: () => void }) {
  const overview = useOverview().data;
  const { pathname } = useLocation();
  return (
    <ul className="plain-list">
      {usePlaces().map((place) => {
        const waiting = overview === undefined ? 0 : (place.waiting?.(overview) ?? 0);
        return (
          <li key={place.to}>
            <Link
              to={place.to}
              className="rail-link"
              aria-current={pathname.startsWith(place.to) ? 'page' : undefined}
              onClick={onGo}
            >
              <place.icon size={18} stroke={1.6} aria-hidden />
              {place.name}
              {waiting > 0 && (
                <span className={`rail-count ${place.alarming ? 'bad strong' : ''}`}>
                  {waiting}
                  <span className="hidden">{place.alarming ? ' with faults' : ' open'}</span>
                </span>
              )}
            </Link>
          </li>
        );
      })}
    </ul>
  );
}

function Rail() {
  return (
    <nav className="rail" aria-label="Main">
      <PlaceLinks />
    </nav>
  );
}

/** On a phone: the places of a responder, and the rest behind one button. */
function BottomBar() {
  const [more, setMore] = useState(false);
  const { pathname } = useLocation();
  const short = usePlaces().slice(0, 4);
  return (
    <nav className="bottom" aria-label="Main, short">
      {short.map((place) => (
        <Link key={place.to} to={place.to} aria-current={pathname.startsWith(place.to) ? 'page' : undefined}>
          <place.icon size={20} stroke={1.6} aria-hidden />
          {place.name}
        </Link>
      ))}
      <button type="button" onClick={() => setMore(true)} aria-haspopup="dialog">
        <IconMenu2 size={20} stroke={1.6} aria-hidden />
        More
      </button>
      <Drawer opened={more} onClose={() => setMore(false)} title="All places" size="xs" position="right">
        <nav aria-label="All places">
          <PlaceLinks onGo={() => setMore(false)} />
        </nav>
      </Drawer>
    </nav>
  );
}
