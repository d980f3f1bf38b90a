import { useSession } from '../../api/queries';
import type { NoticeView } from '../../api/types';

/** Who but the reader may approve the notice, by name. */
export function useOthers(view: NoticeView): string[] {
  const me = useSession().user.id;
  return view.approvers.filter((each) => each.user !== me).map((each) => each.name);
}
